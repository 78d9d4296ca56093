// One rank of a training on devices: `mpirun -n R device_ranks_program FOLDER ZERO`, started by device_ranks_test.cpp;
// ZERO is 1 for an optimizer state that is sharded. 20
// steps in four parts with modality dropout, missing modalities and buckets that leave during the backward pass. Writes
// FOLDER/values-<rank>: the parameters' bytes, then the epochs' losses.
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include "engine/comm/device_communicator.h"
#include "engine/error.h"
#include "io/data/loader.h"
#include "study/training.h"
#include "tests/support/image_cohort.h"

namespace plait::test {
namespace {

void train(ProcessGroup& group, Communicator* device_ranks, const std::filesystem::path& folder, bool zero) {
  const Cohort cohort = image_cohort(40);
  const RunConfig config = image_config(cohort, {"encoder.genes.hidden=[200, 40]", "encoder.proteins.hidden=[90]",
                                                 "train.epochs=4", "train.modality_keep=0.7", "train.clip_norm=0.5"});
  const TrainedModel trained = build_model(config, fit_preprocess(cohort, patient_range(0, 40), {}));
  ParameterStore& store = trained.model->parameters();
  store.move_to(Device::gpu());
  const Dataset dataset(cohort, trained.fit);
  Distribution distribution;
  distribution.parts = parts_of_rank(4, group.rank(), group.size());
  distribution.ranks = group.size() > 1 ? &group.host() : nullptr;
  distribution.device_ranks = device_ranks;
  distribution.zero = zero;
  distribution.bucket_bytes = 2 * 4096 * 4;
  Trainer trainer(*trained.model, config.train, distribution);
  Loader loader(dataset, patient_range(0, 40), {.batch_size = 8, .parts = distribution.parts});
  std::ofstream out(folder / ("values-" + std::to_string(group.rank())), std::ios::binary);
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) {
    for (const double loss : {record.train.task, record.train.l2, record.train.align, record.train.reconstruction})
      losses.push_back(loss);
  };
  const TrainResult result = trainer.run(loader, hooks);
  if (result.steps != 20) fail_usage("the training has " + std::to_string(result.steps) + " steps");
  store.download();
  out.write(static_cast<const char*>(store.values()), static_cast<std::streamsize>(store.flat_bytes()));
  out.write(reinterpret_cast<const char*>(losses.data()), static_cast<std::streamsize>(losses.size() * sizeof(double)));
}

}  // namespace
}  // namespace plait::test

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::unique_ptr<plait::Communicator> device_ranks;  // until the watchdog does not look at it any more
  std::unique_ptr<plait::ProcessGroup> group;
  int code = 1;
  try {
    group = plait::ProcessGroup::join();
    group->watch({.folder = argv[1],
                  .heartbeat_s = 0.2,
                  .lost_after_s = 3,
                  .collective_timeout_s = 8,
                  .step = {},
                  .terminating = {}});
    if (group->size() > 1) device_ranks = plait::join_on_devices(*group);
    plait::test::train(*group, device_ranks.get(), argv[1], argv[2] == std::string("1"));
    code = 0;
  } catch (const plait::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  if (group) group->leave(code);
  return code;
}
