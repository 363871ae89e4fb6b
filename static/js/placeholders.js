/* [data-placeholder] becomes a button that puts its words where the cursor was last, in a
   field with data-takes-placeholders or in the rich text editor. */
document.addEventListener("DOMContentLoaded", () => {
  const takes = "[data-takes-placeholders], trix-editor";
  let last = document.querySelector("textarea[data-takes-placeholders]");
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(takes)) last = event.target;
  });

  const insert = (words) => {
    if (!last) return;
    last.focus();
    if (last.editor) {
      last.editor.insertString(words);
      return;
    }
    last.setRangeText(words, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
  };

  for (const code of document.querySelectorAll("[data-placeholder]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm btn-outline-secondary font-monospace";
    button.textContent = code.textContent;
    button.title = code.dataset.placeholder;
    button.addEventListener("click", () => insert(button.textContent));
    code.replaceWith(button);
  }
});
