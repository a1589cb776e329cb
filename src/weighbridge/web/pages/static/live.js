// Keeps what is marked with data-live up to date while the page is seen: the same address again, the same piece of it.
// Everything works without this file.
"use strict";
(() => {
  const piece = document.querySelector("[data-live]");
  if (!piece) return;
  let waits = 2000;
  const again = async () => {
    if (!document.hidden && !piece.contains(document.activeElement)) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        const found = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
        if (!found) return;
        waits = found.innerHTML === piece.innerHTML ? Math.min(waits * 1.5, 30000) : 2000;
        piece.replaceChildren(...found.childNodes);
        if (found.dataset.live === "over") return;
      } catch {
        waits = 30000;
      }
    }
    setTimeout(again, waits);
  };
  if (piece.dataset.live !== "over") setTimeout(again, waits);
})();
