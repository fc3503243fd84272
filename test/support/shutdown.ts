import { RawConnection } from "./raw-connection.js";
import type { TestService } from "./service.js";

/**
 * A request whose body never comes: the service waits a moment for its end before it goes away. Resolves when the service
 * has read the head.
 */
export async function beginUpload(service: TestService): Promise<RawConnection> {
  const upload = await RawConnection.open(service);
  upload.writeHead("POST", "/api/v1/ves/events/ingest", {
    "content-type": "application/json",
    "content-length": "100000",
  });
  upload.write(`{"agentId":`);
  // What arrived earlier is read before, or in the same turn of the service's loop as, the request answered here.
  await service.get("/health");
  return upload;
}

/** SIGTERM, and wait until the service has noticed. Needs something that keeps it from ending: see `beginUpload`. */
export async function beginShutdown(service: TestService): Promise<void> {
  using probe = await RawConnection.open(service);
  await probe.get("/health");
  service.process.signal("SIGTERM");
  // From then on every answer closes its connection, also one to a question that came before.
  while ((await probe.get("/ready")).headers.get("connection") !== "close");
}
