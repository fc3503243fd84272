import { describeSweep } from "./byte-sweep.js";
import { COMPLIANCE_FIXTURES } from "./fixtures.js";

for (const name of COMPLIANCE_FIXTURES) describeSweep(name);
