// A training's checkpoint: every number and every buffer comes back bit for bit, and what belongs to another training
// is refused.
#include "study/train_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "tests/support/error_of.h"
#include "tests/support/small_models.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::error_of;

TrainState state_at(std::int64_t epoch, std::int64_t step) {
  TrainState state;
  state.epoch = epoch, state.step = step;
  return state;
}

TrainState strange_state() {
  TrainState state = state_at(3, 4000000000);
  state.best_epoch = 2, state.best_loss = 0.1, state.learning_rate = 5e-324;
  state.current = {.loss = {.task = -0.0, .align = 1.0 / 3.0, .reconstruction = 1e308},
                   .l2 = std::nextafter(1.0, 2.0),
                   .updates = 7,
                   .batches = 14,
                   .patients = std::numeric_limits<std::int64_t>::max()};
  return state;
}

// The numbers in order; doubles as bits.
std::vector<std::int64_t> bits_of(const TrainState& s) {
  std::vector<std::int64_t> bits{s.epoch,           s.step, s.best_epoch, s.current.updates, s.current.batches,
                                 s.current.patients};
  for (const double value : {s.best_loss, s.learning_rate, s.current.loss.task, s.current.loss.align,
                             s.current.loss.reconstruction, s.current.l2}) {
    std::int64_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    bits.push_back(word);
  }
  return bits;
}

TEST(TrainState, TextGivesBackEveryBit) {
  for (const TrainState& state : {TrainState{}, strange_state()})  // the first: best_loss is infinite
    EXPECT_EQ(bits_of(state_from_text(state_to_text(state), "here")), bits_of(state));
}

TEST(TrainState, TextThatWasNotWrittenIsRefused) {
  const auto text = state_to_text(strange_state());
  for (const auto& [name, value] : text) {
    for (const char* bad : {"", "x", "1x", "-1e", " "}) {
      auto changed = text;
      changed[name] = bad;
      const auto refused = error_of([&] { state_from_text(changed, "here"); });
      EXPECT_EQ(refused.code, ExitCode::storage) << name << " '" << bad << "'";
      EXPECT_TRUE(refused.says("here: \"" + name + "\"")) << refused.message;
    }
    auto shorter = text;
    shorter.erase(name);
    EXPECT_TRUE(error_of([&] { state_from_text(shorter, "here"); }).says("\"" + name + "\" is missing"));
  }
  auto negative = text;
  negative["step"] = "-1";
  EXPECT_EQ(error_of([&] { state_from_text(negative, "here"); }).code, ExitCode::storage);
}

// A model with a trainer, some steps done.
struct Trained {
  explicit Trained(int steps, std::int64_t embed_dim = 6) : model(config(embed_dim), TaskKind::binary, 1, {}, 3) {
    const SyntheticBatch data(small_plan(config(embed_dim), TaskKind::binary, 1, DType::f32));
    for (int step = 0; step < steps; ++step) {
      trainer.accumulate(data.batch, true);
      trainer.update(1e-2);
    }
  }
  static ModelConfig config(std::int64_t embed_dim) {
    ModelConfig config = small_config("hybrid");
    config.embed_dim = embed_dim;
    return config;
  }
  static TrainOptions options() {
    TrainOptions options;
    options.patience = 1;
    return options;
  }
  std::vector<std::vector<float>> buffers() {
    std::vector<std::vector<float>> all;
    for (const TrainBuffer& buffer : trainer.buffers()) {
      const auto* data = static_cast<const float*>(buffer.data);
      all.emplace_back(data, data + model.parameters().flat_count());
    }
    return all;
  }
  MultimodalModel model;
  Trainer trainer{model, options()};
};

class TrainCheckpointsTest : public testing::Test {
 protected:
  std::filesystem::path root() const { return folder_ / "checkpoint"; }
  TrainCheckpoints of(Trained& trained, const std::string& identity = "this one") const {
    return {root(), identity, trained.model.parameters(), trained.trainer};
  }
  test::TemporaryFolder folder_;
  std::vector<std::string> damaged_;
};

TEST_F(TrainCheckpointsTest, EveryBufferComesBack) {
  Trained first(3);
  // What no step has written yet is stored as well.
  auto* best = static_cast<float*>(first.trainer.buffers().back().data);
  best[0] = 2.5f;
  of(first).save(strange_state(), "line one\nline two\n");
  Trained second(0);
  const auto before = second.buffers();
  const auto restored = of(second).restore(damaged_);
  ASSERT_TRUE(restored);
  EXPECT_TRUE(damaged_.empty());
  EXPECT_EQ(bits_of(restored->state), bits_of(strange_state()));
  EXPECT_EQ(restored->log, "line one\nline two\n");
  const auto expected = first.buffers(), found = second.buffers();
  ASSERT_EQ(expected.size(), 4u);  // parameters, two moments, the best so far
  ASSERT_EQ(found.size(), 4u);
  for (std::size_t b = 0; b < 4; ++b) {
    EXPECT_TRUE(same_bits(found[b], expected[b])) << b;
    EXPECT_FALSE(same_bits(before[b], expected[b])) << b;
  }
}

TEST_F(TrainCheckpointsTest, NothingThereIsNothing) {
  Trained trained(1);
  const auto before = trained.buffers();
  EXPECT_FALSE(of(trained).restore(damaged_));
  EXPECT_TRUE(damaged_.empty());
  for (std::size_t b = 0; b < before.size(); ++b) EXPECT_TRUE(same_bits(trained.buffers()[b], before[b]));
}

TEST_F(TrainCheckpointsTest, AnotherTrainingsIsRefusedAndNothingIsTouched) {
  Trained first(2), second(0);
  of(first).save(state_at(1, 2), "");
  const auto before = second.buffers();
  const auto refused = error_of([&] { of(second, "another one").restore(damaged_); });
  EXPECT_EQ(refused.code, ExitCode::usage);
  EXPECT_TRUE(refused.says("step 2") && refused.says("another configuration")) << refused.message;
  for (std::size_t b = 0; b < before.size(); ++b) EXPECT_TRUE(same_bits(second.buffers()[b], before[b]));
  // The same name and another shape: a broken promise, not another configuration.
  Trained wider(0, 7);
  EXPECT_EQ(error_of([&] { of(wider).restore(damaged_); }).code, ExitCode::storage);
}

TEST_F(TrainCheckpointsTest, ADamagedNewestOneFallsBackToTheOneBefore) {
  Trained first(1);
  of(first).save(state_at(1, 1), "one\n");
  const auto after_one = first.buffers();
  Trained later(2);
  of(later).save(state_at(2, 2), "one\ntwo\n");
  const std::filesystem::path state = root() / "step-0000000002" / "state.safetensors";
  std::string bytes = test::read_bytes(state);
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 4);
  test::write_bytes(state, bytes);
  Trained second(0);
  const auto restored = of(second).restore(damaged_);
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->state.step, 1);
  EXPECT_EQ(restored->log, "one\n");
  ASSERT_EQ(damaged_.size(), 1u);
  EXPECT_NE(damaged_[0].find("step-0000000002"), std::string::npos) << damaged_[0];
  const auto found = second.buffers();
  for (std::size_t b = 0; b < found.size(); ++b) EXPECT_TRUE(same_bits(found[b], after_one[b])) << b;
}

}  // namespace
}  // namespace plait
