// Checkpoints: what was written is read back; no damaged bit and no missing byte goes unnoticed; a damaged newest one
// costs the steps since the one before.
#include "io/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

namespace fs = std::filesystem;
using test::error_of;

// Two arrays, one of them with padded rows, a value and an attachment.
class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointContent content(float shift = 0.0f) {
    for (std::size_t i = 0; i < padded_.size(); ++i) padded_[i] = static_cast<float>(i) + shift;
    const auto* bytes = reinterpret_cast<const std::byte*>(padded_.data());
    return {.tensors = {{.name = "a", .type = SafeType::f32, .shape = {2, 3}, .data = bytes, .row_stride = 4},
                        {.name = "b", .type = SafeType::f32, .shape = {2}, .data = bytes, .row_stride = 1}},
            .values = {{"epoch", "3"}, {"loss", "0x1.8p-1"}},
            .files = {{"metrics.jsonl", "{\"epoch\": 1}\n"}}};
  }
  fs::path root() const { return folder_ / "checkpoint"; }

  test::TemporaryFolder folder_;
  std::vector<float> padded_ = std::vector<float>(8);
};

TEST_F(CheckpointTest, ReadsBackWhatWasWritten) {
  write_checkpoint(root(), 12, content(0.5f));
  std::vector<std::string> damaged;
  const std::optional<Checkpoint> read = newest_checkpoint(root(), damaged);
  ASSERT_TRUE(read);
  EXPECT_TRUE(damaged.empty());
  EXPECT_EQ(read->number, 12);
  EXPECT_EQ(read->values, content().values);
  EXPECT_EQ(read->files, content().files);
  float a[6];
  copy_floats(*read->state.find("a"), a, 3);
  EXPECT_EQ(std::vector<float>(a, a + 6), (std::vector<float>{0.5f, 1.5f, 2.5f, 4.5f, 5.5f, 6.5f}));
  EXPECT_EQ(fs::status(root() / "step-0000000012").permissions(), fs::perms::owner_all);
}

TEST_F(CheckpointTest, KeepsTheTwoNewestAndNoLeftovers) {
  for (const std::int64_t step : {1, 2, 30}) write_checkpoint(root(), step, content());
  fs::create_directory(root() / "writing-0000000031");
  std::vector<std::string> damaged;
  EXPECT_EQ(newest_checkpoint(root(), damaged)->number, 30);
  EXPECT_FALSE(fs::exists(root() / "writing-0000000031"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 2);
  EXPECT_TRUE(fs::exists(root() / "step-0000000002"));
}

TEST_F(CheckpointTest, NothingThereIsNoError) {
  std::vector<std::string> damaged;
  EXPECT_FALSE(newest_checkpoint(root(), damaged));
  EXPECT_FALSE(has_checkpoints(root()));
  EXPECT_TRUE(damaged.empty());
}

TEST_F(CheckpointTest, ADamagedNewestOneFallsBackAndSaysSo) {
  write_checkpoint(root(), 1, content());
  write_checkpoint(root(), 2, content());
  const fs::path state = root() / "step-0000000002/state.safetensors";
  std::string bytes = test::read_bytes(state);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  test::write_bytes(state, bytes);
  std::vector<std::string> damaged;
  EXPECT_EQ(newest_checkpoint(root(), damaged)->number, 1);
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_NE(damaged[0].find("step-0000000002/state.safetensors"), std::string::npos) << damaged[0];
  EXPECT_NE(damaged[0].find("checksum"), std::string::npos) << damaged[0];
}

// What was passed over makes room, not the sound one before.
TEST_F(CheckpointTest, ADamagedNewerOneIsTheFirstToGo) {
  for (const std::int64_t step : {10, 20}) write_checkpoint(root(), step, content());
  test::write_bytes(root() / "step-0000000020/manifest.json", "");
  write_checkpoint(root(), 15, content());
  EXPECT_FALSE(fs::exists(root() / "step-0000000020"));
  std::vector<std::string> damaged;
  EXPECT_EQ(newest_checkpoint(root(), damaged)->number, 15);
  EXPECT_TRUE(damaged.empty());
  EXPECT_TRUE(fs::exists(root() / "step-0000000010")) << "two sound ones are kept";
}

// Every single bit of every file, one after the other.
TEST_F(CheckpointTest, EveryFlippedBitIsNoticed) {
  write_checkpoint(root(), 1, content());
  const fs::path checkpoint = root() / "step-0000000001";
  std::int64_t flips = 0;
  for (const char* name : {"state.safetensors", "manifest.json", "metrics.jsonl"}) {
    const std::string sound = test::read_bytes(checkpoint / name);
    ASSERT_FALSE(sound.empty());
    for (std::size_t at = 0; at < sound.size(); ++at)
      for (int bit = 0; bit < 8; ++bit, ++flips) {
        std::string bytes = sound;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
        test::write_bytes(checkpoint / name, bytes);
        const test::Thrown thrown = error_of([&] { read_checkpoint(checkpoint); });
        ASSERT_EQ(thrown.code, ExitCode::storage)
            << name << ", byte " << at << ", bit " << bit << ": " << thrown.message;
      }
    test::write_bytes(checkpoint / name, sound);
  }
  EXPECT_GT(flips, 3000);
  EXPECT_EQ(read_checkpoint(checkpoint).number, 1);
}

TEST_F(CheckpointTest, EveryPrefixAndEveryMissingFileIsNoticed) {
  write_checkpoint(root(), 1, content());
  const fs::path checkpoint = root() / "step-0000000001";
  for (const char* name : {"state.safetensors", "manifest.json", "metrics.jsonl"}) {
    const std::string sound = test::read_bytes(checkpoint / name);
    for (std::size_t length = 0; length < sound.size(); ++length) {
      test::write_bytes(checkpoint / name, sound.substr(0, length));
      ASSERT_EQ(error_of([&] { read_checkpoint(checkpoint); }).code, ExitCode::storage) << name << ", " << length;
    }
    fs::remove(checkpoint / name);
    EXPECT_EQ(error_of([&] { read_checkpoint(checkpoint); }).code, ExitCode::storage) << name;
    test::write_bytes(checkpoint / name, sound);
  }
}

// A manifest with a right checksum that leads elsewhere.
TEST_F(CheckpointTest, AttachmentsStayInside) {
  write_checkpoint(root(), 1, content());
  const fs::path path = root() / "step-0000000001/manifest.json";
  std::string text = test::read_bytes(path);
  text = text.substr(0, text.rfind("\nxxh3 "));
  const std::size_t at = text.find("\"metrics.jsonl\"");
  ASSERT_NE(at, std::string::npos);
  test::write_bytes(folder_ / "outside", "{\"epoch\": 1}\n");
  text.replace(at, std::strlen("\"metrics.jsonl\""), "\"../../outside\"");
  test::write_bytes(path, text + "\nxxh3 " + checksum_text(text) + "\n");
  const test::Thrown thrown = error_of([&] { read_checkpoint(path.parent_path()); });
  EXPECT_EQ(thrown.code, ExitCode::storage);
  EXPECT_TRUE(thrown.says("outside the checkpoint")) << thrown.message;
}

// A write that fails half-way leaves what was there.
TEST_F(CheckpointTest, AFailedWriteKeepsTheOldOne) {
  write_checkpoint(root(), 1, content());
  CheckpointContent bad = content();
  bad.files["no/such/folder"] = "x";
  EXPECT_EQ(error_of([&] { write_checkpoint(root(), 2, bad); }).code, ExitCode::storage);
  std::vector<std::string> damaged;
  EXPECT_EQ(newest_checkpoint(root(), damaged)->number, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 1);
}

}  // namespace
}  // namespace plait
