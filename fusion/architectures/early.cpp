// Early fusion: standardised tables, flattened image and M availability bits, side by side, into one MLP of the hybrid
// model's size. Columns of absent or dropped modalities are 0 (the mean), their bit 0.
#include <algorithm>

#include "engine/error.h"
#include "engine/ops/early_input.h"
#include "engine/ops/modality_gate.h"
#include "engine/ops/modality_input.h"
#include "fusion/architecture.h"
#include "layers/dense_stack.h"

namespace plait {
namespace {

std::int64_t columns_of(const InputShape& input) {
  return input.kind == ModalityKind::image ? input.height * input.width * input.channels : input.features;
}

std::int64_t input_width(const ModelConfig& config) {
  auto width = static_cast<std::int64_t>(config.inputs.size());
  for (const InputShape& input : config.inputs) width += columns_of(input);
  return width;
}

class Early : public Architecture {
 public:
  Early(ParameterStore& store, const ArchitectureParts& parts)
      : modalities_(static_cast<int>(parts.config.inputs.size())),
        layers_(store, "encoder.early",
                {input_width(parts.config), early_width(parts.config, parts.task, parts.outputs).hidden,
                 parts.config.embed_dim},
                Activation::relu),
        head_(store, "head", parts.config.embed_dim, parts.outputs, Activation::identity, head_has_bias(parts.task)),
        keep_(parts.training.keep) {}

  ModelForward forward(Tape& tape, const ParameterStore& store, const StepContext& context,
                       const Batch& batch) const override {
    ModelForward forward;
    combine(tape, store, context, batch,
            ops::modality_dropout(tape.arena(), context, batch.available, modalities_, keep_), forward);
    return forward;
  }

  // There is nothing that does not depend on who is present.
  ModelForward encode(Tape&, const ParameterStore&, const StepContext&, const Batch&, ModalityMask) const override {
    return {};
  }

  void combine(Tape& tape, const ParameterStore& store, const StepContext& context, const Batch& batch,
               const Tensor& present, ModelForward& forward) const override {
    std::array<Tensor, max_modalities> inputs;
    for (std::size_t m = 0; m < batch.modalities.size(); ++m)
      inputs[m] = ops::modality_values(tape.arena(), batch.modalities[m]);
    const Tensor x =
        ops::rounded(tape.arena(), ops::early_input(tape.arena(), {inputs.data(), batch.modalities.size()}, present),
                     store.compute_dtype());
    const Value read = tape.input(x);
    std::int64_t first = 0;
    for (std::size_t m = 0; m < batch.modalities.size(); ++m) {
      forward.inputs[m] = {.value = read, .first_column = first, .map = {}};
      first += batch.modalities[m].values.columns();
    }
    forward.fused = layers_(tape, store, context, read);
    forward.logits = head_(tape, store, forward.fused);
  }

  LossSum reconstruct(Tape&, const ParameterStore&, const StepContext&, const Batch&, int) const override {
    throw Error(ExitCode::internal, "[early] early fusion has no autoencoder");
  }

 private:
  int modalities_;
  DenseStack layers_;
  Dense head_;
  std::array<float, max_modalities> keep_;
};

}  // namespace

EarlyWidth early_width(const ModelConfig& config, TaskKind task, std::int64_t outputs) {
  ModelConfig hybrid = config;
  hybrid.fusion = "hybrid";
  ParameterStore store;  // declared, never allocated
  make_joint(store, {.config = hybrid, .task = task, .outputs = outputs, .training = {}}, -1);
  EarlyWidth width{.hidden = 1, .parameters = 0, .hybrid_parameters = store.parameter_count()};
  // (in + 1) h + (h + 1) d + (d + 1) outputs; a head without bias: d outputs
  const std::int64_t d = config.embed_dim, per_unit = input_width(config) + 1 + d,
                     per_output = d + (head_has_bias(task) ? 1 : 0), fixed = d + per_output * outputs;
  width.hidden = std::max<std::int64_t>(1, (width.hybrid_parameters - fixed + per_unit / 2) / per_unit);
  width.parameters = per_unit * width.hidden + fixed;
  return width;
}

std::unique_ptr<Architecture> make_early(ParameterStore& store, const ArchitectureParts& parts) {
  return std::make_unique<Early>(store, parts);
}

}  // namespace plait
