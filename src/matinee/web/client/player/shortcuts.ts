// The keyboard, and a television's remote, as viewers know them from other players.

export interface Actions {
  toggle(): void;
  skip(seconds: number): void;
  seekShare(share: number): void;
  chapter(by: 1 | -1): void;
  louder(by: number): void;
  mute(): void;
  fullscreen(): void;
  faster(by: 1 | -1): void;
  stats(): void;
  subtitles(): void;
  back(): void;
}

const TYPING = "input:not([type=range], [type=radio]), textarea, select, [contenteditable]";

/** The Latin letter of a key, also on a keyboard of another script. */
function letter(event: KeyboardEvent): string {
  const code = /^Key([A-Z])$/.exec(event.code)?.[1]?.toLowerCase();
  return event.key.length === 1 && event.key.charCodeAt(0) > 127 && code ? code : event.key.toLowerCase();
}

export function listen(actions: Actions): void {
  const keys: Record<string, () => void> = {
    " ": () => actions.toggle(),
    k: () => actions.toggle(),
    mediaplaypause: () => actions.toggle(),
    arrowleft: () => actions.skip(-10),
    arrowright: () => actions.skip(10),
    j: () => actions.skip(-10),
    l: () => actions.skip(10),
    n: () => actions.chapter(1),
    mediatracknext: () => actions.chapter(1),
    p: () => actions.chapter(-1),
    mediatrackprevious: () => actions.chapter(-1),
    arrowup: () => actions.louder(0.1),
    arrowdown: () => actions.louder(-0.1),
    m: () => actions.mute(),
    f: () => actions.fullscreen(),
    "<": () => actions.faster(-1),
    ">": () => actions.faster(1),
    s: () => actions.stats(),
    c: () => actions.subtitles(),
    escape: () => actions.back(),
    goback: () => actions.back(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (target.closest?.(TYPING)) return;
    const key = letter(event);
    // Controls keep their own keys: a focused button its space, a range or a radio group its arrows.
    if (key === " " && target.closest?.("button, a, input, [role=slider]:not(.scrub)")) return;
    if (key.startsWith("arrow") && target.closest?.("input, [popover]")) return;
    const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : null;
    const action = digit === null ? keys[key] : () => actions.seekShare(digit / 10);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
