// What every page but the watch page runs. Pages work without it: links are links and forms are forms.
import "htmx.org";
import { EventQueue } from "./events";
import { Impressions } from "./site/impressions";
import { wakeMarks } from "./site/marks";
import { carryPicture, prefetchOnIntent } from "./site/prefetch";
import { dressRows, watchRows } from "./site/rows";
import { tellChoices, tellSearches } from "./site/searching";

const offline = document.querySelector<HTMLElement>("#offline");
const reflect = () => {
  if (offline) offline.hidden = navigator.onLine;
};
addEventListener("online", reflect);
addEventListener("offline", reflect);
reflect();

watchRows();
prefetchOnIntent();
carryPicture();

const profileId = document.querySelector<HTMLElement>("[data-profile]")?.dataset.profile;
if (profileId) {
  const queue = new EventQueue();
  const impressions = new Impressions(queue, profileId);
  tellSearches(queue, profileId);
  tellChoices(queue, profileId);
  wakeMarks(profileId);
  addEventListener("pagehide", () => queue.send(true));
  document.addEventListener("htmx:after:swap", () => {
    dressRows();
    impressions.watch();
  });
}

// Pictures that could not be loaded leave their colour and their name; what stands behind them is set so already.
document.addEventListener(
  "error",
  (event) => {
    if (event.target instanceof HTMLImageElement) event.target.classList.add("picture-missing");
  },
  true,
);
