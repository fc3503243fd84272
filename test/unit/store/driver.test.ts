import { expect, it } from "vitest";
import { driverFault, openDatabase } from "../../../src/store/sqlite/driver.js";

it.each([
  ["20.19.0", "12.11.1", false],
  ["22.23.3", "12.11.1", false],
  ["22.23.3", "13.0.0", false],
  ["24.21.0", "12.11.1", true],
  ["26.10.0", "12.11.1", true],
  ["24.21.0", "13.2.0", false],
])("Node %s with better-sqlite3 %s is refused: %j", (node, driver, isRefused) => {
  const fault = driverFault(node, () => driver);
  if (isRefused) expect(fault).toContain(`Node ${node} is ended by better-sqlite3 ${driver}`);
  else expect(fault).toBeNull();
});

it("opens here, where the tests run", () => {
  const db = openDatabase(":memory:");
  expect(db.prepare("SELECT 1").pluck().get()).toBe(1);
  db.close();
});
