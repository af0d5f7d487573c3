/** What a driver or a plugin of a node is: a gRPC server on a unix socket. */
export { type GrpcHandler, type GrpcServer, serveGrpc } from "../../src/agent/plugins/grpc-server.ts";
