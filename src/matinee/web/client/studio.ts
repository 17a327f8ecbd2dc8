// What the studio's pages run: tables that sort, the plot of edges, the panel that breaks things, uploads.
import { watchBreakage } from "./studio/breakage";
import { plotEdge } from "./studio/edge";
import { plotEdges } from "./studio/edges";
import { sortTables } from "./studio/tables";

sortTables();
plotEdges();
plotEdge();
watchBreakage();
// What only this page needs comes with it.
if (document.querySelector("form[data-upload]")) void import("./studio/upload").then((part) => part.watchUpload());

// On a narrow screen the rail scrolls sideways: the place one is at is in sight.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
