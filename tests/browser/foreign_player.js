// Plays ?manifest= with ?kind=shaka, dashjs or hlsjs, at most eight seconds ahead, and writes down what happened.
// With ?keys=id:key, in hexadecimal, it can open what is encrypted. With ?hurried it gives up soon on who is silent, so
// that it loses an edge without a stall; else it is as patient as its makers have it.
const query = new URLSearchParams(location.search);
const video = document.getElementById("video");
const hurried = query.has("hurried");
const probe = { errors: [], segments: [] };
window.standing = window.watchStanding(video);
window.probe = probe;

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (/\.(m4s|mp4)$/.test(new URL(entry.name).pathname) && entry.responseStatus < 300 && entry.decodedBodySize > 0) {
      probe.segments.push({ host: new URL(entry.name).hostname, at: entry.responseEnd });
    }
  }
}).observe({ type: "resource", buffered: true });

const [keyId, key] = (query.get("keys") || "").split(":");

function base64url(hexadecimal) {
  const bytes = hexadecimal.match(/../g).map((digits) => Number.parseInt(digits, 16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

async function shakaPlay() {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  // A hung edge answers nothing: what costs time is how long a connection may be silent.
  const retryParameters = {
    maxAttempts: 6,
    baseDelay: 100,
    backoffFactor: 1,
    fuzzFactor: 0.3,
    timeout: 4000,
    stallTimeout: 1500,
    connectionTimeout: 1500,
  };
  player.configure({ streaming: { bufferingGoal: 8, rebufferingGoal: 1 } });
  if (hurried) player.configure({ streaming: { retryParameters }, manifest: { retryParameters } });
  if (key) player.configure({ drm: { clearKeys: { [keyId]: key } } });
  player.addEventListener("error", (event) => probe.errors.push(`${event.detail.severity}:${event.detail.code}`));
  window.player = player;
  await player.load(query.get("manifest"));
  const told = (track) => ({ language: track.language, channels: track.channelsCount, label: track.label });
  window.tracks = {
    texts: () => player.getTextTracks().map(told),
    sounds: () => player.getAudioTracks().map(told),
    showText: (place) => player.selectTextTrack(player.getTextTracks()[place]),
    hear: (place) => player.selectAudioTrack(player.getAudioTracks()[place]),
    heard: () => player.getAudioTracks().findIndex((track) => track.active),
  };
}

function dashPlay() {
  const player = dashjs.MediaPlayer().create();
  player.updateSettings({
    streaming: {
      applyContentSteering: true,
      buffer: {
        bufferTimeDefault: 8,
        bufferTimeAtTopQuality: 8,
        bufferTimeAtTopQualityLongForm: 8,
        initialBufferLevel: 1,
      },
      ...(hurried && { fragmentRequestTimeout: 2000, retryAttempts: { MediaSegment: 0, InitializationSegment: 0 } }),
    },
  });
  player.on("error", (event) => probe.errors.push(String(event.error && event.error.code)));
  window.player = player;
  if (key) player.setProtectionData({ "org.w3.clearkey": { clearkeys: { [base64url(keyId)]: base64url(key) } } });
  player.initialize(video, query.get("manifest"), true);
  const audio = () => player.getTracksFor("audio");
  const told = (track) => ({
    language: track.lang,
    channels: Number(track.audioChannelConfiguration?.[0]?.value) || null,
    label: track.labels[0]?.text,
  });
  window.tracks = {
    texts: () => player.getTracksFor("text").map(told),
    sounds: () => audio().map(told),
    showText: (place) => {
      player.enableText(true);
      player.setTextTrack(place);
    },
    hear: (place) => player.setCurrentTrack(audio()[place]),
    heard: () => audio().indexOf(player.getCurrentTrackFor("audio")),
  };
}

function hlsPlay() {
  // As the others: a fragment whose first byte does not come is asked for elsewhere.
  const policy = {
    maxTimeToFirstByteMs: 2000,
    maxLoadTimeMs: 8000,
    timeoutRetry: { maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 1, retryDelayMs: 200, maxRetryDelayMs: 200 },
  };
  // A playlist that an edge fetches first may take its time: another edge would have to fetch it as well.
  const patient = { ...policy, timeoutRetry: { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 } };
  const player = new Hls({
    maxBufferLength: 8,
    maxMaxBufferLength: 8,
    ...(hurried && { fragLoadPolicy: { default: policy }, playlistLoadPolicy: { default: patient } }),
  });
  player.on(Hls.Events.ERROR, (_, data) => {
    // Somebody sought, and what was on its way is not wanted any more: no error.
    if (!data.fatal && data.details === Hls.ErrorDetails.INTERNAL_ABORTED) return;
    probe.errors.push(`${data.fatal ? "fatal " : ""}${data.details}`);
  });
  window.player = player;
  player.loadSource(query.get("manifest"));
  player.attachMedia(video);
  const told = (track) => ({ language: track.lang, channels: Number(track.channels) || null, label: track.name });
  window.tracks = {
    texts: () => player.subtitleTracks.map(told),
    sounds: () => player.allAudioTracks.map(told),
    showText: (place) => {
      player.subtitleDisplay = true;
      player.subtitleTrack = place;
    },
    hear: (place) => player.setAudioOption(player.allAudioTracks[place]),
    heard: () => player.allAudioTracks.indexOf(player.audioTracks[player.audioTrack]),
  };
}

const players = { shaka: shakaPlay, dashjs: dashPlay, hlsjs: hlsPlay };
Promise.resolve(players[query.get("kind")]())
  .then(() => video.play())
  .catch((error) => probe.errors.push(String(error.code || error)));
