/** Docker Hub: it signs nothing and sends no header of its own, so the secret stands at the end of the URL that it is given. */
import { at, isSecret, known, secondsOf, type Sender, SenderRefused, textAt } from "../sender.ts";

/** Where the answer to a hook of Docker Hub's goes: anything else in `callback_url` is not Docker Hub's doing. */
const CALLBACK_PREFIX = "https://registry.hub.docker.com/u/";

export const dockerHub: Sender = {
	async verify({ urlSecret }, context) {
		if (urlSecret === "") throw new SenderRefused("the URL does not end with the receiver's secret");
		if (!(await isSecret(urlSecret, context))) throw new SenderRefused("the end of the URL is not the receiver's secret");
		return { id: "" };
	},
	read(payload) {
		const callback = textAt(payload, "callback_url");
		if (callback !== "" && !callback.startsWith(CALLBACK_PREFIX)) throw new SenderRefused("callback_url is not one of Docker Hub's");
		const name = textAt(payload, "repository", "repo_name");
		const tag = textAt(payload, "push_data", "tag");
		if (name === "") throw new SenderRefused("the payload is not one of Docker Hub's: repository.repo_name is missing");
		const timeMs = secondsOf(at(payload, "push_data", "pushed_at"));
		const repository = `docker.io/${name.includes("/") ? name : `library/${name}`}`;
		return { events: [{ id: "", type: "push", ...known("timeMs", timeMs), image: { repository, tag, digest: "" } }] };
	},
};
