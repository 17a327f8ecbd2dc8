// Keys and lock screens of the machine itself.

export function announce(
  video: HTMLVideoElement,
  film: { name: string; poster: string },
  seek: (seconds: number) => void,
): void {
  const session = navigator.mediaSession;
  if (!session) return;
  session.metadata = new MediaMetadata({
    title: film.name,
    artist: "Matinee",
    artwork: film.poster ? [{ src: film.poster, sizes: "600x900", type: "image/jpeg" }] : [],
  });
  session.setActionHandler("play", () => void video.play());
  session.setActionHandler("pause", () => video.pause());
  session.setActionHandler("seekbackward", (details) => seek(video.currentTime - (details.seekOffset ?? 10)));
  session.setActionHandler("seekforward", (details) => seek(video.currentTime + (details.seekOffset ?? 10)));
  session.setActionHandler("seekto", (details) => details.seekTime !== undefined && seek(details.seekTime ?? 0));
  video.addEventListener("timeupdate", () => {
    if (video.duration > 0 && Number.isFinite(video.duration)) {
      session.setPositionState({
        duration: video.duration,
        playbackRate: video.playbackRate,
        position: Math.min(video.currentTime, video.duration),
      });
    }
  });
}
