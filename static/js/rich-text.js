/* A textarea in [data-rich-text] gets Trix above it, and a switch between the two. What
   is sent is the textarea's: it is written only when somebody edits in Trix, and Trix is
   not offered HTML that it would lose a part of. */
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-rich-text]");
  if (!box) return;
  const textarea = box.querySelector("textarea");
  const label = box.querySelector("label");
  const choice = box.querySelector("[data-rich-switch]");
  const refusal = box.querySelector("[data-rich-refusal]");
  Object.assign(Trix.config.lang, JSON.parse(document.getElementById("rich-text-words").textContent));

  // Names of elements that Trix gives back as they were, less their attributes.
  const known = new Set(
    "a b blockquote br del div em h1 i li ol p pre s strong ul".split(" "),
  );
  const isKept = (markup) => {
    const parsed = new DOMParser().parseFromString(markup, "text/html");
    return [...parsed.body.querySelectorAll("*")].every(
      (each) =>
        known.has(each.localName) &&
        [...each.attributes].every(({ name }) => each.localName === "a" && name === "href"),
    );
  };

  const store = document.createElement("input");
  store.type = "hidden";
  store.id = "rich-text-store";
  const editor = document.createElement("trix-editor");
  editor.setAttribute("input", store.id);
  editor.setAttribute("aria-label", label.textContent.trim());
  const place = document.createElement("div");
  place.className = "rich-text";
  place.append(store, editor);
  let isLoading = true;

  const show = (mode) => {
    const isRich = mode === "rich";
    place.hidden = !isRich;
    textarea.hidden = isRich;
    for (const button of choice.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      button.classList.toggle("active", button.dataset.mode === mode);
    }
  };

  const load = () => {
    isLoading = true;
    editor.editor.loadHTML(textarea.value);
    isLoading = false;
  };

  const toRich = () => {
    const isRefused = !isKept(textarea.value);
    refusal.hidden = !isRefused;
    if (isRefused) return show("source");
    if (editor.editor) load();
    show("rich");
  };

  // Files have no place in the text, however they come: chosen, dropped or pasted.
  editor.addEventListener("trix-file-accept", (event) => event.preventDefault());
  editor.addEventListener("trix-attachment-add", (event) => event.attachment.remove());
  editor.addEventListener("trix-change", () => {
    if (!isLoading) textarea.value = store.value;
  });
  editor.addEventListener("trix-initialize", () => {
    const toolbar = editor.toolbarElement;
    toolbar.querySelector("[data-trix-button-group=file-tools]").remove();
    // By the keyboard, too: Trix listens to the mouse button, and Enter presses none.
    for (const button of toolbar.querySelectorAll("button")) button.removeAttribute("tabindex");
    toolbar.addEventListener("click", (click) => {
      const button = click.target.closest("button");
      if (!button || click.detail !== 0) return;
      editor.focus();
      button.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true }));
    });
    // {{ unsubscribe_url }} is an address here, and none for a browser.
    toolbar.querySelector("[name=href]").type = "text";
    load();
  });

  choice.addEventListener("click", (event) => {
    const mode = event.target.closest("button")?.dataset.mode;
    if (mode === "rich") toRich();
    if (mode === "source") {
      refusal.hidden = true;
      show("source");
    }
  });
  label.addEventListener("click", () => {
    if (!place.hidden) editor.focus();
  });

  textarea.before(place);
  choice.hidden = false;
  toRich();
  if (!textarea.hidden) refusal.hidden = false;
});
