/* [data-counter-of="id"] says how many characters that field has ([data-count]), and
   shows its [data-too-long] from data-limit on. */
document.addEventListener("DOMContentLoaded", () => {
  for (const counter of document.querySelectorAll("[data-counter-of]")) {
    const field = document.getElementById(counter.dataset.counterOf);
    const limit = Number(counter.dataset.limit);
    const count = () => {
      const length = [...field.value].length;
      counter.querySelector("[data-count]").textContent = length;
      const hint = counter.querySelector("[data-too-long]");
      // Only when it changes: it is read out each time.
      if (hint.hidden !== length <= limit) hint.hidden = length <= limit;
    };
    field.addEventListener("input", count);
    counter.hidden = false;
    count();
  }
});
