// Panel writes choices into the address but does not follow Back and Forward: show again what the address says.
window.addEventListener("popstate", () => window.location.reload())
