// A page that somebody is about to open is fetched while they still aim.

const AIMING_MS = 150;
const PAGES = /^\/(titles|watch)\//;

export function prefetchOnIntent(): void {
  const connection = (navigator as { connection?: { saveData?: boolean } }).connection;
  if (connection?.saveData) return;
  const fetched = new Set<string>();
  let timer = 0;
  const aim = (event: Event) => {
    clearTimeout(timer);
    const link = (event.target as Element).closest?.<HTMLAnchorElement>("a[href]");
    if (!link || link.origin !== location.origin || !PAGES.test(link.pathname) || fetched.has(link.href)) return;
    timer = window.setTimeout(() => {
      fetched.add(link.href);
      const hint = document.createElement("link");
      hint.rel = "prefetch";
      hint.href = link.href;
      document.head.append(hint);
    }, AIMING_MS);
  };
  document.addEventListener("pointerover", aim, { passive: true });
  document.addEventListener("focusin", aim);
}

/** The picture that was pressed grows into the next page's still, where the browser has view transitions. */
export function carryPicture(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a[href^='/titles/']");
    const picture = link?.querySelector<HTMLElement>("img");
    if (picture) picture.style.viewTransitionName = "still";
  });
  addEventListener("pageshow", () => {
    for (const picture of document.querySelectorAll<HTMLElement>("a img")) picture.style.viewTransitionName = "";
  });
}
