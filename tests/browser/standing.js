// How long a video's picture stood still, in seconds: for whatever reason (`pause`), and with nothing left to play
// (`hunger`), and how often it ran out (`waits`). Counted in the page's own ticks, of which a late one is one: a machine
// that lets the page wait for its turn lets everybody wait.
window.watchStanding = (video) => {
  const TICK_SECONDS = 0.05;
  const LITTLE_SECONDS = 0.5;
  const found = { pause: 0, hunger: 0, waits: 0 };
  const now = { pause: 0, hunger: 0 };
  let started = false;
  let last = video.currentTime;

  function ahead() {
    const { buffered, currentTime } = video;
    for (let place = 0; place < buffered.length; place += 1)
      if (buffered.start(place) <= currentTime && currentTime <= buffered.end(place))
        return buffered.end(place) - currentTime;
    return 0;
  }

  video.addEventListener("playing", () => {
    started = true;
  });
  video.addEventListener("waiting", () => {
    // With picture ahead, the machine was busy.
    if (started && !video.seeking && ahead() < LITTLE_SECONDS) found.waits += 1;
  });
  setInterval(() => {
    const stands = started && video.currentTime === last && !video.paused && !video.ended && !video.seeking;
    last = video.currentTime;
    now.pause = stands ? now.pause + TICK_SECONDS : 0;
    now.hunger = stands && ahead() < LITTLE_SECONDS ? now.hunger + TICK_SECONDS : 0;
    found.pause = Math.max(found.pause, now.pause);
    found.hunger = Math.max(found.hunger, now.hunger);
  }, TICK_SECONDS * 1000);
  return found;
};
