const ATTEMPTS = 10;
const PAUSE_MS = 200;

/**
 * Stops a sandbox or a container, and asks again when its shim closed the connection meanwhile.
 *
 * A kill that crosses with the shim's own exit fails in containerd before 2.2 ("ttrpc: closed"), though what was to be stopped is
 * ending; asked again once containerd has heard of the exit, the stop succeeds (containerd pull request 12387 asks again there).
 * kubelet gets over it by its next sync.
 */
export async function stopAgainWhenShimLeft(stop: () => Promise<unknown>, pause: (ms: number) => Promise<void>): Promise<void> {
	for (let attempt = 1; ; attempt++) {
		try {
			await stop();
			return;
		} catch (error) {
			if (attempt === ATTEMPTS || !(error as Error).message.includes("ttrpc: closed")) throw error;
			await pause(PAUSE_MS);
		}
	}
}
