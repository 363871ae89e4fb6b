/* Enter in a picker's search field searches (htmx does it while one types); it does
   not send the form around it. */
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("[data-picker-search]")) {
    event.preventDefault();
  }
});
