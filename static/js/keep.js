/* What somebody typed outlives a lost session: <form data-keep> puts its fields aside when
   it is sent, and back when its page comes again without them, for the same user. */
(() => {
  const KEY = "kept-form";
  const LEFT_OUT = ["file", "password", "hidden", "submit", "button"];
  const VERSION = "version"; // of what is edited: an old one finds out what others saved
  const form = document.querySelector("form[data-keep]");
  const user = document.body.dataset.user;

  const fields = () =>
    [...form.elements].filter(({ name, type }) => name && (name === VERSION || !LEFT_OUT.includes(type)));
  const isTick = ({ type }) => ["checkbox", "radio"].includes(type);
  const value = (field) => {
    if (isTick(field)) return field.checked;
    if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
    return field.value;
  };
  const fill = (field, was) => {
    if (typeof was === "boolean") field.checked = was;
    else if (Array.isArray(was)) for (const option of field.options) option.selected = was.includes(option.value);
    else field.value = was;
  };
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  // Ticks by what they stand for: which of them are on the page, a search decides. Others
  // by their place among those of the name: an editor may have added some of its own.
  const named = () => {
    const count = {};
    return fields().map((field) => {
      count[field.name] = (count[field.name] ?? -1) + 1;
      return [`${field.name} ${isTick(field) ? `= ${field.value}` : count[field.name]}`, field];
    });
  };

  const putBack = (values) => {
    const here = new Map(named());
    const lost = [...here].filter(([name, field]) => name in values && !same(value(field), values[name]));
    for (const [name, field] of lost) fill(field, values[name]);
    const isPart = Object.entries(values).some(([name, was]) => was === true && !here.has(name));
    form.querySelector("[data-kept]").hidden = !lost.some(([, { name }]) => name !== VERSION) && !isPart;
    form.querySelector("[data-kept-part]").hidden = !isPart;
  };

  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return;
  }
  const [{ responseStatus = 200 } = {}] = performance.getEntriesByType("navigation");
  // The page for signing in leaves it where it is, and so does one that says no.
  if (kept && user && responseStatus < 400) {
    sessionStorage.removeItem(KEY);
    // A page that answers what was sent has it all, and perhaps a newer version.
    const isAnswer = form?.dataset.keep === "answered";
    if (form && !isAnswer && kept.user === user && kept.path === location.pathname) putBack(kept.values);
  }
  if (form) {
    form.addEventListener("submit", () => {
      const values = Object.fromEntries(named().map(([name, field]) => [name, value(field)]));
      try {
        sessionStorage.setItem(KEY, JSON.stringify({ user, path: location.pathname, values }));
      } catch { /* full: then it is as without this */ }
    });
  }
})();
