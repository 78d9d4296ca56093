// Training on a device that has no room for a step: the error says what would fit, and it does.
#include <gtest/gtest.h>

#include "engine/train/trainer.h"
#include "kernels/simt/memory_limit.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

class OneBatch : public BatchSource {
 public:
  explicit OneBatch(const BatchPlan& plan) : data_(plan) {}
  std::int64_t patients() const override { return data_.batch.patients; }
  std::int64_t batch_size() const override { return data_.batch.size; }
  std::int64_t batches() const override { return 1; }
  void start_epoch(std::uint32_t) override { done_ = false; }
  const Batch* next() override { return std::exchange(done_, true) ? nullptr : &data_.batch; }

 private:
  SyntheticBatch data_;
  bool done_ = false;
};

// A limit on the memory of the executor's device, for as long as it lives.
class Limit {
 public:
  Limit() { simt::memory_limit() = most; }
  ~Limit() { simt::memory_limit() = 0; }
  void leave(std::size_t bytes) const {
    const std::size_t used = simt::memory_limit() - gpu::devices()[0].free_bytes;
    simt::memory_limit() = used + bytes;
  }
  void lift() const { simt::memory_limit() = most; }

 private:
  static constexpr std::size_t most = std::size_t{1} << 40;
};

struct Outcome {
  test::Thrown thrown;
  int validations = 0;
};

Outcome train(const Device& device, const Limit& limit, int patients, std::size_t room, std::size_t validation) {
  MultimodalModel model(small_config("hybrid"), TaskKind::binary, 1, small_training(), 1);
  model.parameters().move_to(device);
  BatchPlan plan = small_plan(model.config(), TaskKind::binary, 1, DType::f32);
  plan.available.assign(static_cast<std::size_t>(patients), ModalityMask{7});
  plan.padding = 0;
  OneBatch source(plan);
  TrainOptions options;
  options.epochs = 3;
  options.patience = 0;
  Outcome outcome;
  TrainHooks hooks;
  hooks.validate = [&] {
    ++outcome.validations;
    Arena inference(device);
    inference.bytes(validation);
    return Validation{};
  };
  Trainer trainer(model, options);
  limit.leave(room);
  outcome.thrown = test::error_of([&] { trainer.run(source, hooks); });
  limit.lift();
  return outcome;
}

int number_behind(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  return at == text.npos ? -1 : std::stoi(text.substr(at + words.size()));
}

TEST(Memory, ABatchSizeThatIsSaidToFitFits) {
  const Device device = Device::gpu();
  const Limit limit;
  for (const std::size_t validation : {std::size_t{1}, std::size_t{200'000}}) {
    const std::size_t room = 400'000;
    const Outcome outcome = train(device, limit, 96, room, validation);
    EXPECT_EQ(outcome.thrown.code, ExitCode::device);
    EXPECT_TRUE(outcome.thrown.says("a step of 96 patients does not fit, one of ")) << outcome.thrown.message;
    const int fits = number_behind(outcome.thrown.message, "set train.batch_size = ");
    ASSERT_GT(fits, 0) << outcome.thrown.message;
    ASSERT_LT(fits, 96) << outcome.thrown.message;
    EXPECT_GT(outcome.validations, 0) << "it leaves room for the validation";
    const Outcome again = train(device, limit, fits, room, validation);
    EXPECT_EQ(again.thrown.code, ExitCode::done) << again.thrown.message;
    EXPECT_EQ(again.validations, 3);
  }
}

TEST(Memory, WhereNotEvenOnePatientFitsABatchSizeIsNotSaid) {
  const Device device = Device::gpu();
  const Limit limit;
  const Outcome outcome = train(device, limit, 8, 1000, 1);
  EXPECT_EQ(outcome.thrown.code, ExitCode::device);
  EXPECT_TRUE(
      outcome.thrown.says("not even one patient fits that leaves room for the validation: choose smaller widths"))
      << outcome.thrown.message;
}

}  // namespace
}  // namespace plait
