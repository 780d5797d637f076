package dev.trunkline;

import dev.trunkline.v1.ListModelsRequest;
import dev.trunkline.v1.ListModelsResponse;
import dev.trunkline.v1.Model;
import dev.trunkline.v1.Warning;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.function.Function;

/**
 * The models of a gateway's providers: by provider, and by id within it.
 *
 * @param models the models
 * @param warnings what the gateway wants the caller to know: for one, which providers could not be
 *     asked
 * @param requestId the id of the last call, to look it up in the gateway's log
 */
public record ModelList(List<Model> models, List<Warning> warnings, String requestId)
    implements Iterable<Model> {
  private static final int PAGE_SIZE = 1000;

  @Override
  public Iterator<Model> iterator() {
    return models.iterator();
  }

  @Override
  public String toString() {
    return "ModelList[size=%d, requestId=%s]".formatted(models.size(), requestId);
  }

  record Page(ListModelsResponse response, String requestId) {}

  static ModelList of(ListModelsRequest request, Function<ListModelsRequest, Page> ask) {
    ListModelsRequest.Builder next = request.toBuilder();
    if (request.getPageSize() == 0) {
      next.setPageSize(PAGE_SIZE);
    }
    List<Model> models = new ArrayList<>();
    Collection<Warning> warnings =
        new LinkedHashSet<>(); // each page says again which providers could not be asked
    Page page;
    do {
      page = ask.apply(next.build());
      models.addAll(page.response().getModelsList());
      warnings.addAll(page.response().getWarningsList());
      next.setPageToken(page.response().getNextPageToken());
    } while (!next.getPageToken().isEmpty());
    return new ModelList(List.copyOf(models), List.copyOf(warnings), page.requestId());
  }
}
