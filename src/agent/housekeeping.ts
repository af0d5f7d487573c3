/** What a node does for its own health beside running pods: rotates logs. */
import type { Clock } from "./clock.ts";
import { durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import { LogRotation } from "./log-rotation.ts";
import { parseQuantityNumber } from "./quantity-number.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import type { RuntimeView } from "./runtime-view.ts";

export interface HousekeepingOptions {
	runtime: ContainerRuntime;
	view: RuntimeView;
	clock: Clock;
	log: Logger;
	configuration: KubeletConfiguration;
}

export class Housekeeping {
	readonly #logs: LogRotation;

	constructor({ runtime, view, clock, log, configuration }: HousekeepingOptions) {
		this.#logs = new LogRotation({
			runtime,
			clock,
			log,
			containers: () => view.containers(),
			maxBytes: parseQuantityNumber(configuration.containerLogMaxSize),
			maxFiles: configuration.containerLogMaxFiles,
			periodMs: durationMs(configuration.containerLogMonitorInterval),
		});
	}

	start(): void {
		this.#logs.start();
	}

	async stop(): Promise<void> {
		await this.#logs.stop();
	}
}
