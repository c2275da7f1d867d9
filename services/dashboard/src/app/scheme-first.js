// Before the first paint: the colour scheme and the language that were chosen here, so that nothing flashes.
(function () {
  try {
    var scheme = localStorage.getItem('sigma.scheme');
    var language = localStorage.getItem('sigma.language');
    if (scheme === 'dark' || scheme === 'light') document.documentElement.dataset.scheme = scheme;
    if (language) document.documentElement.lang = language;
  } catch (_) {
    // A browser that keeps nothing for this page: the system's choice holds.
  }
})();
