/**
 * Protocol Buffers by table: a `MessageType` says what the fields are, `encodeMessage` and `decodeMessage` do the rest.
 * Serves the Kubernetes protobuf encoding and the agent's CRI client. The input may come from anyone: each length is
 * checked against its bounds, each field against its wire type, nesting and size against a limit.
 */
export { decodeMessage } from "./message-reader.ts";
export {
	type MapType,
	MAX_MESSAGE_BYTES,
	MAX_MESSAGE_DEPTH,
	type Message,
	MessageError,
	type MessageField,
	type MessageType,
	type NestedType,
	type ScalarKind,
} from "./message-type.ts";
export { encodeMessage } from "./message-writer.ts";
