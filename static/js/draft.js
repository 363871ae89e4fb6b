/* <form data-draft="address"> is kept on the server while somebody writes: soon after a
   pause, at the latest after ten seconds, and when the page is left. [data-draft-said]
   says when, in its data-words and data-failed. */
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-draft]");
  if (!form) return;
  const said = form.querySelector("[data-draft-said]");
  const PAUSE = 1500;
  const AT_LATEST = 10_000;
  let timer = null;
  let dirtySince = 0;
  let sending = null;
  let isOver = false;

  const say = (words) => {
    if (said.textContent !== words) said.textContent = words;
  };

  const keep = async ({ keepalive = false } = {}) => {
    clearTimeout(timer);
    if (isOver || !dirtySince) return;
    dirtySince = 0;
    sending?.abort();
    sending = new AbortController();
    try {
      const answer = await fetch(form.dataset.draft, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: sending.signal,
        keepalive,
      });
      // A redirection leads to the page for signing in.
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      const { saved_at: time } = await answer.json();
      say(time ? said.dataset.words.replace("{time}", time) : "");
    } catch (error) {
      if (error.name !== "AbortError") say(said.dataset.failed);
    }
  };

  const changed = () => {
    const now = Date.now();
    dirtySince ||= now;
    clearTimeout(timer);
    timer = setTimeout(keep, Math.max(0, Math.min(PAUSE, dirtySince + AT_LATEST - now)));
  };

  form.addEventListener("input", changed);
  let isReady = false; // Trix tells of what it was given to begin with, too
  form.addEventListener("trix-focus", () => { isReady = true; });
  form.addEventListener("trix-change", () => { if (isReady) changed(); });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) keep({ keepalive: true });
  });
  form.addEventListener("submit", () => {
    isOver = true;
    clearTimeout(timer);
    sending?.abort();
  });
});
