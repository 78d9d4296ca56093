// How much of the exchange of gradients backward hides, with whole training steps in turns:
//   mpirun -n 2 build/release/bench/overlap_bench [batch of a rank] [bucket KiB] [rounds] [trace.json]
// overlapped: as the trainer does it, a bucket leaves while backward goes on. behind: every bucket waits for the end of
// backward. none: no gradient is exchanged. All three tell each other the losses of every step.
// Hidden = (behind - overlapped) / (behind - none): a share of what the exchange costs when nothing hides it. The trace
// (Chrome's format, docs/trace.md) shows one more overlapped round on the first rank.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/step_workload.h"
#include "engine/comm/process_group.h"
#include "engine/train/trainer.h"
#include "fusion/model.h"
#include "io/trace_file.h"
#include "kernels/cpu/parallel.h"
#include "tests/support/synthetic_batch.h"

namespace plait {
namespace {

enum class Exchange { overlapped, behind, none };
constexpr std::int64_t batches_of_round = 20;

// Hands everything on to the ranks, but the gradients' buckets when and if it is told to.
class Exchanged final : public Communicator {
 public:
  Exchanged(Communicator& ranks, Exchange how) : ranks_(ranks), how_(how) {}

  int rank() const override { return ranks_.rank(); }
  int size() const override { return ranks_.size(); }
  PendingCollective all_to_all(const void* send, std::span<const Piece> pieces, std::size_t element_bytes,
                               void* receive, cudaStream_t stream) override {
    if (how_ == Exchange::none) {  // the own piece stands in for everybody's: what follows has ordinary numbers
      const Piece own = pieces[static_cast<std::size_t>(rank())];
      const std::size_t bytes = static_cast<std::size_t>(own.count) * element_bytes;
      for (int from = 0; from < size(); ++from)
        std::memcpy(static_cast<std::byte*>(receive) + static_cast<std::size_t>(from) * bytes,
                    static_cast<const std::byte*>(send) + static_cast<std::size_t>(own.begin) * element_bytes, bytes);
      return {};
    }
    if (how_ == Exchange::overlapped) return ranks_.all_to_all(send, pieces, element_bytes, receive, stream);
    waiting_.push_back([=, this] { return ranks_.all_to_all(send, pieces, element_bytes, receive, stream); });
    started_.emplace_back();
    return {*this, first_ + started_.size() - 1};
  }
  PendingCollective all_gather(void* data, std::span<const Piece> pieces, std::size_t element_bytes,
                               cudaStream_t stream) override {
    if (how_ == Exchange::none && element_bytes == sizeof(float)) return {};
    return ranks_.all_gather(data, pieces, element_bytes, stream);
  }
  PendingCollective all_reduce(float* data, std::int64_t count, cudaStream_t stream) override {
    return ranks_.all_reduce(data, count, stream);
  }
  PendingCollective reduce_scatter(const float* send, std::span<const Piece> pieces, float* receive,
                                   cudaStream_t stream) override {
    return ranks_.reduce_scatter(send, pieces, receive, stream);
  }
  PendingCollective broadcast(void* data, std::size_t bytes, int root, cudaStream_t stream) override {
    return ranks_.broadcast(data, bytes, root, stream);
  }
  PendingCollective barrier(cudaStream_t stream) override { return ranks_.barrier(stream); }
  void set_trace(Trace* trace) override { ranks_.set_trace(trace); }

 private:
  // The first bucket that somebody waits for lets all go.
  void wait_for(std::uint64_t ticket) override {
    for (std::size_t i = 0; i < waiting_.size(); ++i) started_[started_.size() - waiting_.size() + i] = waiting_[i]();
    waiting_.clear();
    started_[ticket - first_].wait();
    if (ticket + 1 < first_ + started_.size()) return;
    first_ += started_.size();
    started_.clear();
  }

  Communicator& ranks_;
  Exchange how_;
  std::vector<std::function<PendingCollective()>> waiting_;
  std::vector<PendingCollective> started_;
  std::uint64_t first_ = 0;  // ticket of started_[0]
};

class Batches final : public BatchSource {
 public:
  Batches(std::int64_t batch, const Communicator& ranks)
      : batch_(batch), parts_(parts_of_rank(ranks.size(), ranks.rank(), ranks.size())) {
    BatchPlan plan{.inputs = bench::hybrid_config().inputs, .available = {}, .seed = 1};
    plan.available.assign(static_cast<std::size_t>(batch), ModalityMask{7});
    for (int i = 0; i < 4; ++i, ++plan.seed) made_.emplace_back(plan).batch.weight_sum *= ranks.size();
  }
  std::int64_t patients() const override { return batch_size() * batches(); }
  std::int64_t batch_size() const override { return batch_ * parts_.count; }
  std::int64_t batches() const override { return batches_of_round; }
  BatchParts parts() const override { return parts_; }
  void start_epoch(std::uint32_t) override { turn_ = 0; }
  const Batch* next() override {
    if (turn_ == batches()) return nullptr;
    return &made_[static_cast<std::size_t>(turn_++) % made_.size()].batch;
  }

 private:
  std::int64_t batch_, turn_ = 0;
  BatchParts parts_;
  std::deque<SyntheticBatch> made_;
};

// One way of exchanging, with a model of its own.
class Contender {
 public:
  Contender(Communicator& ranks, Exchange how, std::int64_t batch, std::int64_t bucket_bytes)
      : ranks_(ranks, how),
        batches_(batch, ranks),
        model_(bench::hybrid_config(), TaskKind::binary, 1, model_training(options_, bench::hybrid_config()), 1),
        trainer_(model_, options_, {.parts = batches_.parts(), .ranks = &ranks_, .bucket_bytes = bucket_bytes}) {}

  // Milliseconds of a step, of the slowest rank.
  double round(Trace* trace) {
    TrainHooks hooks;
    hooks.trace = trace;
    ranks_.barrier(nullptr).wait();
    const auto begin = std::chrono::steady_clock::now();
    trainer_.run(batches_, hooks);
    std::vector<double> took(static_cast<std::size_t>(ranks_.size()));
    took[static_cast<std::size_t>(ranks_.rank())] =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ranks_.all_gather(took.data(), one_each(ranks_.size()), sizeof(double), nullptr).wait();
    return 1e3 * *std::max_element(took.begin(), took.end()) / batches_of_round;
  }
  std::int64_t parameters() const { return model_.parameters().parameter_count(); }

 private:
  static TrainOptions round_options() {
    TrainOptions options;
    options.epochs = 1;
    options.learning_rate = 1e-5;
    options.patience = 0;
    return options;
  }

  Exchanged ranks_;
  Batches batches_;
  const TrainOptions options_ = round_options();
  MultimodalModel model_;
  Trainer trainer_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void measure(Communicator& ranks, std::int64_t batch, std::int64_t bucket_bytes, int rounds, const std::string& trace) {
  std::vector<std::unique_ptr<Contender>> contenders;
  for (const Exchange how : {Exchange::overlapped, Exchange::behind, Exchange::none})
    contenders.push_back(std::make_unique<Contender>(ranks, how, batch, bucket_bytes));
  for (const auto& contender : contenders) contender->round(nullptr);
  std::vector<std::vector<double>> times(contenders.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const std::size_t turn = round % 2 == 0 ? i : contenders.size() - 1 - i;
      times[turn].push_back(contenders[turn]->round(nullptr));
    }
  TraceFile file(ranks.rank() == 0 ? trace : "");
  contenders[0]->round(file.trace());
  const std::int64_t parameters = contenders[0]->parameters();
  contenders.clear();
  file.write();
  if (ranks.rank() != 0) return;
  const double overlapped = median(times[0]), behind = median(times[1]), none = median(times[2]);
  std::printf(
      "%d ranks, %lld patients each, %lld parameters, buckets of %lld KiB, medians of %d rounds of %lld steps\n",
      ranks.size(), static_cast<long long>(batch), static_cast<long long>(parameters),
      static_cast<long long>(bucket_bytes / 1024), rounds, static_cast<long long>(batches_of_round));
  std::printf("overlapped %.3f ms a step, behind %.3f, none %.3f", overlapped, behind, none);
  if (behind > none)
    std::printf("; hidden: %.0f %% of the exchange\n", 100 * (behind - overlapped) / (behind - none));
  else
    std::printf("; the exchange costs nothing that could be told from noise\n");
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  const auto group = plait::ProcessGroup::join();
  const auto argument = [&](int i, long fallback) { return argc > i ? std::max(1l, std::atol(argv[i])) : fallback; };
  plait::cpu::set_thread_count(1);
  if (group->size() == 1) {
    std::fprintf(stderr, "overlap_bench: launch it with mpirun -n 2 or more\n");
    return 2;
  }
  plait::measure(group->host(), argument(1, 64), 1024 * argument(2, 512), static_cast<int>(argument(3, 11)),
                 argc > 4 ? argv[4] : "");
  group->leave(0);
  return 0;
}
