#include <fmt/format.h>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/text_table.h"
#include "apps/version.h"
#include "study/run.h"

namespace plait {
namespace {

void print_build() {
  fmt::print("plait {}\n", version);
  fmt::print("  compiler    {}\n", __VERSION__);
  fmt::print("  cpu         {}\n", describe_cpu());
  fmt::print("  gpu         {}\n", describe_gpu());
  fmt::print("  fusions     unimodal, early, late, concat, attention, hybrid\n");
  fmt::print("  encoders    mlp (table), cnn (image), dae (expression)\n");
  fmt::print("  tasks       binary, multiclass, multilabel, regression, survival\n");
}

// Early fusion has one encoder for all modalities together.
std::string encoder_name(const ModelConfig& model, std::size_t modality) {
  if (model.fusion == "early") return "early";
  const EncoderType type = model.encoders[modality].type;
  return type == EncoderType::cnn ? "cnn" : type == EncoderType::dae ? "dae" : "mlp";
}

void print_architecture(const TrainedModel& trained) {
  const ParameterStore& store = trained.model->parameters();
  fmt::print("{} model, {} task, {}, embeddings of {}\n", trained.config.model.fusion, task_name(trained.model->task()),
             counted(trained.model->outputs(), "output"), trained.config.model.embed_dim);
  TextTable inputs({"input", "kind", "shape", "encoder"});
  for (std::size_t m = 0; m < trained.config.model.inputs.size(); ++m) {
    const InputShape& input = trained.config.model.inputs[m];
    const bool read = trained.fit.modalities[m].read;
    inputs.add({input.name, modality_kind_name(input.kind),
                !read ? std::string("not read")
                : input.kind == ModalityKind::image
                    ? fmt::format("[batch, {}, {}, {}]", input.height, input.width, input.channels)
                    : fmt::format("[batch, {}]", input.features),
                read ? encoder_name(trained.config.model, m) : "-"});
  }
  TextTable layers({"parameter", "shape", "count"});
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    layers.add({p.name, to_string(p.shape), std::to_string(p.count())});
  }
  layers.add({"total", "", std::to_string(store.parameter_count())});
  fmt::print("\n{}\n{}", inputs.text(), layers.text());
}

}  // namespace

int run_info(const InfoCommand& command) {
  if (command.run.empty())
    print_build();
  else
    print_architecture(open_run(command.run));
  return 0;
}

}  // namespace plait
