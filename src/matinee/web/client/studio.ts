// What the studio's pages run: tables that sort, the plot of edges, the panel that breaks things.
import { watchBreakage } from "./studio/breakage";
import { plotEdge } from "./studio/edge";
import { plotEdges } from "./studio/edges";
import { sortTables } from "./studio/tables";

sortTables();
plotEdges();
plotEdge();
watchBreakage();

// On a narrow screen the rail scrolls sideways: the place one is at is in sight.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
