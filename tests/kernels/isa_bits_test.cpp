// The same bits on every instruction set: this program runs itself again under PLAIT_ISA and compares digests of the
// outputs of all memory-bound kernels.
#include <gtest/gtest.h>

#include <unistd.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/alignment.h"
#include "kernels/attention_fusion.h"
#include "kernels/binary_cross_entropy.h"
#include "kernels/cpu/isa.h"
#include "kernels/denoise.h"
#include "kernels/dropout.h"
#include "kernels/gather.h"
#include "kernels/l2.h"
#include "kernels/masked_concat.h"
#include "kernels/math/philox.h"
#include "kernels/optimizer.h"
#include "kernels/reduce.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/squared_error.h"
#include "tests/support/random_patients.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

constexpr std::int64_t batch = 65, width = 83;  // ragged everywhere
constexpr std::size_t size = static_cast<std::size_t>(batch * width);

class Digest {
 public:
  template <class T>
  void add(const std::vector<T>& values) {
    std::vector<unsigned char> bytes(values.size() * sizeof(T));
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    for (unsigned char byte : bytes) digest_ = (digest_ ^ byte) * 0x100000001B3u;
  }
  void add(double value) { add(std::vector<double>{value}); }
  std::uint64_t value() const { return digest_; }

 private:
  std::uint64_t digest_ = 0xCBF29CE484222325u;
};

struct Inputs {
  std::array<std::vector<float>, 3> z = {random_values<float>(batch * width, 1, -3.0, 3.0),
                                         random_values<float>(batch* width, 2, -3.0, 3.0),
                                         random_values<float>(batch* width, 3, -3.0, 3.0)};
  std::vector<float> weight = random_values<float>(width, 4), dy = random_values<float>(batch * width, 5);
  std::vector<float> weights = random_values<float>(batch, 6, 0.5, 2.0);
  std::vector<ModalityMask> mask = random_integers<ModalityMask>(batch, 7, 8);
  double denominator = 70.0;
  EmbeddingPointers<float> pointers{z[0].data(), z[1].data(), z[2].data()};
};

void add_fusion(const Inputs& in, Digest& digest) {
  std::array<std::vector<float>, 3> dz;
  std::array<GradSlice<float>, max_modalities> slices{};
  for (std::size_t m = 0; m < 3; ++m) {
    dz[m].resize(size);
    slices[m] = {dz[m].data(), GradMode::overwrite};
  }
  const auto add_all = [&] {
    for (const auto& g : dz) digest.add(g);
  };
  std::vector<float> alpha(batch * 3), fused(size), dw(width), y(3 * size), workspace(batch * 3);
  const AttentionFusionParams p = {
      .batch = batch, .width = width, .modalities = 3, .z_stride = width, .fused_stride = width};
  cpu::attention_fusion_forward(p, in.pointers, in.weight.data(), in.mask.data(), alpha.data(), fused.data());
  cpu::attention_fusion_backward(p, in.pointers, in.weight.data(), in.mask.data(), alpha.data(), in.dy.data(),
                                 {slices, {dw.data(), GradMode::overwrite}}, workspace.data());
  digest.add(alpha);
  digest.add(fused);
  digest.add(dw);
  add_all();
  double value = 0.0;
  cpu::alignment_loss({.batch = batch, .width = width, .modalities = 3, .z_stride = width}, in.pointers, in.mask.data(),
                      in.weights.data(), &in.denominator, &value, slices);
  digest.add(value);
  add_all();
  cpu::masked_concat_forward(
      {.batch = batch, .width = width, .modalities = 3, .z_stride = width, .y_stride = 3 * width}, in.pointers,
      in.mask.data(), y.data());
  digest.add(y);
}

void add_losses(const Inputs& in, Digest& digest) {
  const LossParams p = {.batch = batch, .columns = width, .stride = width};
  const auto targets = random_integers<float>(batch * width, 8, 2);
  const auto classes = random_integers<std::int32_t>(batch, 9, width);
  const auto observed = random_integers<std::uint8_t>(batch * width, 10, 2);
  std::vector<float> gradient(size);
  double value = 0.0;
  const auto add = [&] {
    digest.add(value);
    digest.add(gradient);
  };
  const GradSlice<float> slice = {gradient.data(), GradMode::overwrite};
  cpu::binary_cross_entropy(p, in.z[0].data(), targets.data(), in.weights.data(), &in.denominator, &value, slice);
  add();
  cpu::squared_error(p, in.z[0].data(), targets.data(), in.weights.data(), &in.denominator, &value, slice);
  add();
  cpu::softmax_cross_entropy(p, in.z[0].data(), classes.data(), in.weights.data(), &in.denominator, &value, slice);
  add();
  cpu::reconstruction_loss({.loss = p, .x_stride = width, .observed_stride = width}, in.z[0].data(), in.z[1].data(),
                           observed.data(), in.mask.data(), in.weights.data(), &in.denominator, &value, slice);
  add();
}

void add_random(const Inputs& in, Digest& digest) {
  const RandomPatients patients(batch);
  std::vector<float> y(size);
  cpu::dropout_forward({.batch = batch, .columns = width, .stride = width, .rate = 0.3f},
                       patients.source(random_site(Purpose::dropout, 0)), in.z[0].data(), y.data());
  digest.add(y);
  for (Noise noise : {Noise::mask, Noise::gaussian}) {
    cpu::corrupt({.batch = batch, .columns = width, .stride = width, .noise = noise, .rate = 0.3f, .sigma = 0.7f},
                 patients.source(random_site(Purpose::corruption, 0)), in.z[0].data(), y.data());
    digest.add(y);
  }
}

void add_flat(const Inputs& in, Digest& digest) {
  const std::int64_t count = batch * width;
  std::vector<float> w = in.z[0], m(size), v(size), y(size), gradient(size);
  std::vector<double> workspace(cpu::reduce_workspace_bytes(count) / sizeof(double));
  for (std::uint32_t step = 0; step < 3; ++step)
    cpu::adam_step({.count = count, .decayed = count / 2, .decoupled_l2 = 0.01}, {.step = step, .learning_rate = 0.1f},
                   in.dy.data(), w.data(), m.data(), v.data());
  cpu::sgd_step({.count = count, .momentum = 0.9}, {.learning_rate = 0.1f}, in.dy.data(), w.data(), m.data());
  double value = 0.0;
  cpu::l2_penalty<float>(count, 0.1, w.data(), &value, {gradient.data(), GradMode::overwrite}, workspace.data());
  digest.add(value);
  digest.add(gradient);
  digest.add(cpu::sum(count, m.data(), workspace.data()));
  const std::vector<std::int64_t> index = random_integers<std::int64_t>(batch, 11, batch);
  cpu::gather_normalise({.batch = batch, .columns = width, .source_stride = width, .y_stride = width, .period = width},
                        in.z[1].data(), index.data(), in.weight.data(), in.dy.data(), in.z[2].data(), y.data(),
                        nullptr);
  digest.add(y);
}

std::uint64_t digest_of_all_kernels() {
  const Inputs in;
  Digest digest;
  add_fusion(in, digest);
  add_losses(in, digest);
  add_random(in, digest);
  add_flat(in, digest);
  return digest.value();
}

// The line that this test program prints under another instruction set.
std::string line_under(const std::string& isa) {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return {};
  const std::string command =
      "PLAIT_ISA_BITS_CHILD=1 PLAIT_ISA=" + isa + " '" + path.data() + "' --gtest_filter=IsaBits.* 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {};
  std::string found;
  for (std::array<char, 512> line; fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr;)
    if (std::strncmp(line.data(), "isa ", 4) == 0) found = line.data();
  pclose(pipe);
  return found;
}

TEST(IsaBits, EveryInstructionSetGivesTheSameBits) {
  std::array<char, 32> wanted;
  std::snprintf(wanted.data(), wanted.size(), "digest %016llx",
                static_cast<unsigned long long>(digest_of_all_kernels()));
  std::printf("isa %s %s\n", cpu::isa_name(cpu::isa()), wanted.data());
  if (std::getenv("PLAIT_ISA_BITS_CHILD") != nullptr) return;  // the line was all that was asked for
  const std::string baseline = line_under("baseline"), avx2 = line_under("avx2"), best = line_under("avx512");
  EXPECT_EQ(baseline.rfind("isa baseline", 0), 0u) << baseline;  // it did run something else
  for (const std::string& line : {baseline, avx2, best})
    EXPECT_NE(line.find(wanted.data()), std::string::npos) << line << "against " << wanted.data();
}

}  // namespace
}  // namespace plait
