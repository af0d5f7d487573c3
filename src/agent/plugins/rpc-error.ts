/** What went wrong in a call to a plugin, in the words of gRPC's own libraries. */
import { errorText } from "../log.ts";
import { GrpcError } from "../runtime/containerd/grpc-client.ts";

/** google.golang.org/grpc/codes, by number. */
const CODES = [
	"OK",
	"Canceled",
	"Unknown",
	"InvalidArgument",
	"DeadlineExceeded",
	"NotFound",
	"AlreadyExists",
	"PermissionDenied",
	"ResourceExhausted",
	"FailedPrecondition",
	"Aborted",
	"OutOfRange",
	"Unimplemented",
	"Internal",
	"Unavailable",
	"DataLoss",
	"Unauthenticated",
];

export function rpcErrorText(error: unknown): string {
	if (!(error instanceof GrpcError)) return errorText(error);
	return `rpc error: code = ${CODES[error.code] ?? `Code(${error.code})`} desc = ${error.message}`;
}
