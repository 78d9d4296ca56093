// Forward passes of a trained model, batch after batch, on the device where its parameters are; results on the host.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/device_times.h"
#include "engine/train/device_batch.h"
#include "fusion/model.h"

namespace plait {

class Inference {
 public:
  explicit Inference(const MultimodalModel& model, Trace* trace = nullptr);

  struct Result {
    Tensor logits;      // [size, outputs]
    Tensor alpha;       // [size, M]; empty for models without attention
    double task = 0.0;  // the task loss of the batch
  };
  // Every batch has the shapes of the first one. Valid until the next call.
  Result run(const Batch& batch);

 private:
  struct Pass {
    MultimodalModel::Forward forward;
    DataLosses losses;
  };
  Pass forward(const Batch& batch);
  Result run_on_gpu(const Batch& batch);
  // The tensor's image on the host, behind what is there already.
  Tensor download(const Tensor& t);
  static Tensor widened(const Tensor& t);

  const MultimodalModel& model_;
  Device device_;
  Arena arena_;
  Tape tape_;
  std::unique_ptr<DeviceBatches> batches_;
  // On a GPU a pass is captured once for each place that a batch may have, when all memory is there.
  struct Captured {
    Graph graph;
    Pass pass;
  };
  std::array<Captured, DeviceBatches::places> captured_;
  std::int64_t arena_blocks_ = -1;
  std::vector<std::byte> host_;
  std::size_t host_used_ = 0;
  Trace* trace_;
  DeviceTimes times_;
};

}  // namespace plait
