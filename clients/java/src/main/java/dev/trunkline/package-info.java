/**
 * Trunkline's client: one typed way to every LLM provider that the gateway knows. Begin at {@link
 * dev.trunkline.Trunkline}. The contract itself - messages, enums, stubs - is in {@code
 * dev.trunkline.v1}.
 */
package dev.trunkline;
