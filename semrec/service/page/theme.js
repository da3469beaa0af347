// Runs before the first paint, so that the page does not flash in another theme.
(() => {
  try {
    const theme = localStorage.getItem("semrec.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // No storage: use the theme of the system.
  }
})();
