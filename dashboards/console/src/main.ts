// The console's beginning: asks for the first rows, and fetches the rest meanwhile.

import "uplot/dist/uPlot.min.css";
import "./app.css";
import { askFirst } from "./api/first";

askFirst();
import("./start");
