/** Who asks, as a server says it to one that it passes a request on to (k8s.io/client-go/transport, SetAuthProxyHeaders). */
import type { UserInfo } from "./request.ts";

const USER = "X-Remote-User";
const UID = "X-Remote-Uid";
const GROUP = "X-Remote-Group";
const EXTRA = "X-Remote-Extra-";

/** What a client may not say of itself. */
export const isRemoteUserHeader = (name: string): boolean => /^x-remote-(user|uid|group|extra-.*)$/i.test(name);

/** Legal in a header's name; the rest, and "%", are percent-encoded byte by byte (headerKeyEscape). */
const isTokenCharacter = (character: string): boolean => /^[!#$&'*+\-.^_`|~0-9A-Za-z]$/.test(character);

const hex = (byte: number): string => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`;

const escapedKey = (key: string): string =>
	[...key].map((character) => (isTokenCharacter(character) ? character : [...new TextEncoder().encode(character)].map(hex).join(""))).join("");

export function remoteUserHeaders({ name, uid, groups, extra = {} }: UserInfo): [name: string, value: string][] {
	const headers: [string, string][] = [[USER, name]];
	if (uid) headers.push([UID, uid]);
	for (const group of groups) headers.push([GROUP, group]);
	for (const [key, values] of Object.entries(extra)) for (const value of values) headers.push([EXTRA + escapedKey(key), value]);
	return headers;
}

/** Who this server is when it asks for itself. */
export const AGGREGATOR: UserInfo = { name: "system:kube-aggregator", groups: ["system:masters"] };
