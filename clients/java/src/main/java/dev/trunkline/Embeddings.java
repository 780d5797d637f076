package dev.trunkline;

import com.google.common.primitives.Floats;
import dev.trunkline.v1.Cost;
import dev.trunkline.v1.EmbedResponse;
import dev.trunkline.v1.Origin;
import dev.trunkline.v1.Usage;
import dev.trunkline.v1.Warning;
import java.util.List;
import java.util.Optional;

/**
 * A vector for each input, in their order.
 *
 * @param proto all that came, as the contract has it
 * @param requestId the call's id, to look it up in the gateway's log
 */
public record Embeddings(EmbedResponse proto, String requestId) {
  /** How many vectors there are. */
  public int size() {
    return proto.getEmbeddingsCount();
  }

  /** The vector of the input at this place, counted from 0. */
  public float[] vector(int index) {
    return Floats.toArray(proto.getEmbeddings(index).getValuesList());
  }

  /** All vectors. */
  public List<float[]> vectors() {
    return proto.getEmbeddingsList().stream()
        .map(each -> Floats.toArray(each.getValuesList()))
        .toList();
  }

  /** The provider and model that answered. */
  public Origin origin() {
    return proto.getOrigin();
  }

  /** The tokens it took. */
  public Usage usage() {
    return proto.getUsage();
  }

  /** What it cost, in nano-dollars; empty if a price is not known. */
  public Optional<Cost> cost() {
    return proto.hasCost() ? Optional.of(proto.getCost()) : Optional.empty();
  }

  /** What the gateway wants the caller to know. */
  public List<Warning> warnings() {
    return proto.getWarningsList();
  }

  @Override
  public String toString() {
    return "Embeddings[size=%d, requestId=%s]".formatted(size(), requestId);
  }
}
