/* <input data-time-zone> is filled with the zone that the browser lives in. */
document.addEventListener("DOMContentLoaded", () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of document.querySelectorAll("[data-time-zone]")) {
    if (zone) field.value = zone;
  }
});
