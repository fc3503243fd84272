import { describeSweep } from "./byte-sweep.js";
import { BATCH_FIXTURES } from "./fixtures.js";

for (const name of BATCH_FIXTURES) describeSweep(name);
