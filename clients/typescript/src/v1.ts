/** The contract's messages, enums and services in one place: `import { ChatInputSchema } from "trunkline/v1"`. */

export * from "./gen/trunkline/v1/batch_service_pb.js";
export * from "./gen/trunkline/v1/chat_input_pb.js";
export * from "./gen/trunkline/v1/chat_service_pb.js";
export * from "./gen/trunkline/v1/embedding_service_pb.js";
export * from "./gen/trunkline/v1/error_reason_pb.js";
export * from "./gen/trunkline/v1/message_pb.js";
export * from "./gen/trunkline/v1/model_service_pb.js";
export * from "./gen/trunkline/v1/route_pb.js";
export * from "./gen/trunkline/v1/usage_pb.js";
export * from "./gen/trunkline/v1/warning_pb.js";
