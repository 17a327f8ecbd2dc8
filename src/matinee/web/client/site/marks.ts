// Thumbs and my list without leaving the page. The forms around some of the buttons do the same without scripts.

const PICKS_WANTED = 3;
const RATINGS = new Set(["down", "up", "love"]);

function buttonsOf(titleId: string): HTMLButtonElement[] {
  return Array.from(document.querySelectorAll<HTMLButtonElement>(`[data-title="${CSS.escape(titleId)}"] [data-mark]`));
}

function isPressed(button: Element): boolean {
  return button.getAttribute("aria-pressed") === "true";
}

/** Show what is now so on every button of the title: thumbs exclude one another. */
function show(titleId: string, mark: string, on: boolean): void {
  for (const button of buttonsOf(titleId)) {
    const theirs = button.dataset.mark ?? "";
    // A card has one thumb up for both of a title's page.
    const same = theirs === mark || (theirs === "up" && mark === "love" && !button.closest(".title-thumbs"));
    if (same) button.setAttribute("aria-pressed", String(on));
    else if (RATINGS.has(theirs) && RATINGS.has(mark)) button.setAttribute("aria-pressed", "false");
    if (theirs === "list") button.value = isPressed(button) ? "0" : "1";
    else button.value = isPressed(button) ? "" : theirs;
  }
}

async function tell(profileId: string, titleId: string, mark: string, on: boolean): Promise<boolean> {
  const of = `/api/v1/profiles/${encodeURIComponent(profileId)}`;
  const title = encodeURIComponent(titleId);
  const rating = JSON.stringify({ rating: on ? mark : null });
  try {
    const answer =
      mark === "list"
        ? await fetch(`${of}/list/${title}`, { method: on ? "PUT" : "DELETE", keepalive: true })
        : await fetch(`${of}/ratings/${title}`, {
            method: "PUT",
            headers: { "Content-Type": "application/json" },
            body: rating,
            keepalive: true,
          });
    return answer.ok;
  } catch {
    return false;
  }
}

/** After three picks the page is made anew, and is theirs. */
function pickedEnough(picks: Element | null): void {
  if (picks && picks.querySelectorAll("[data-mark][aria-pressed='true']").length >= PICKS_WANTED) location.reload();
}

export function wakeMarks(profileId: string): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest?.<HTMLButtonElement>("[data-mark]");
    const titleId = button?.closest<HTMLElement>("[data-title]")?.dataset.title;
    const mark = button?.dataset.mark;
    if (!button || !titleId || !mark) return;
    event.preventDefault();
    const before = buttonsOf(titleId).find((other) => RATINGS.has(other.dataset.mark ?? "") && isPressed(other));
    const on = !isPressed(button);
    const picks = button.closest("[data-picks]");
    show(titleId, mark, on);
    void tell(profileId, titleId, mark, on).then((kept) => {
      if (kept) pickedEnough(picks);
      else {
        show(titleId, mark, !on);
        if (before && before !== button) show(titleId, before.dataset.mark ?? "", true);
      }
    });
  });
}
