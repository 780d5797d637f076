package dev.trunkline;

import java.io.Serializable;

/**
 * A field of the request that is wrong, and why.
 *
 * @param field its path, for example "input.messages[0].content[1]"
 * @param description for people; its wording may change
 */
public record Violation(String field, String description) implements Serializable {}
