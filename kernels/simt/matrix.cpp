// ldmatrix and mma.sync for a whole warp at once, in the fragment layouts of kernels/device/matrix.h. Sums run over k
// in order with fused multiply-adds in fp32; tensor cores add in another order, so only exact sums agree to the bit.
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/simt/block.h"

namespace plait::simt {
namespace {

constexpr std::uint32_t all_lanes = 0xFFFFFFFFu;
using Row = float __attribute__((vector_size(32)));  // 8 columns of an accumulator

struct MatrixLoad {
  std::uint32_t* registers;
  int matrices;
  bool transposed;
  const void* row;
};

void load_all(void* const* payloads, std::uint32_t) {
  const auto load = [&](unsigned lane) -> const MatrixLoad& { return *static_cast<const MatrixLoad*>(payloads[lane]); };
  const MatrixLoad& first = load(0);
  for (int m = 0; m < first.matrices; ++m) {
    std::uint16_t matrix[8][8];
    for (unsigned r = 0; r < 8; ++r) {
      const unsigned lane = static_cast<unsigned>(m) * 8 + r;
      const void* row = load(lane).row;
      BlockRunner::running()->read_for(lane, row, 16);
      std::memcpy(matrix[r], row, 16);
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      const unsigned r = lane / 4, c = lane % 4 * 2;
      const std::uint32_t low = first.transposed ? matrix[c][r] : matrix[r][c];
      const std::uint32_t high = first.transposed ? matrix[c + 1][r] : matrix[r][c + 1];
      load(lane).registers[m] = low | high << 16;
    }
  }
}

struct MatrixMultiply {
  float* c;
  const std::uint32_t *a, *b;
  int row_tiles, column_tiles;
};

// Operands of one instruction as plain matrices of floats.
template <int k>
struct Operands {
  float a[16][k];
  alignas(32) float b[k][8];
};

float upper_half(std::uint32_t word) {
  return std::bit_cast<float>(word & 0xFFFF0000u);
}
float lower_half(std::uint32_t word) {
  return std::bit_cast<float>(word << 16);
}

struct Bf16 {
  static constexpr int k = 16;
  static void a(const std::uint32_t* r, unsigned g, unsigned q, float (&to)[16][16]) {
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = g + i % 2 * 8, column = q * 2 + i / 2 * 8;
      to[row][column] = lower_half(r[i]);
      to[row][column + 1] = upper_half(r[i]);
    }
  }
  static void b(const std::uint32_t* r, unsigned g, unsigned q, float (&to)[16][8]) {
    for (unsigned i = 0; i < 2; ++i) {
      to[q * 2 + i * 8][g] = lower_half(r[i]);
      to[q * 2 + i * 8 + 1][g] = upper_half(r[i]);
    }
  }
};

struct Tf32 {
  static constexpr int k = 8;
  static float read(std::uint32_t word) { return std::bit_cast<float>(word & 0xFFFFE000u); }
  static void a(const std::uint32_t* r, unsigned g, unsigned q, float (&to)[16][8]) {
    for (unsigned i = 0; i < 4; ++i) to[g + i % 2 * 8][q + i / 2 * 4] = read(r[i]);
  }
  static void b(const std::uint32_t* r, unsigned g, unsigned q, float (&to)[8][8]) {
    for (unsigned i = 0; i < 2; ++i) to[q + i * 4][g] = read(r[i]);
  }
};

template <class Kind>
__attribute__((target("avx2,fma"))) void multiply_all(void* const* payloads, std::uint32_t) {
  const auto lane_of = [&](unsigned lane) -> const MatrixMultiply& {
    return *static_cast<const MatrixMultiply*>(payloads[lane]);
  };
  const int row_tiles = lane_of(0).row_tiles, column_tiles = lane_of(0).column_tiles;
  constexpr int max_tiles = 32;
  static thread_local Operands<Kind::k> operands[max_tiles];
  for (int j = 0; j < column_tiles; ++j)
    for (unsigned lane = 0; lane < 32; ++lane) Kind::b(lane_of(lane).b + j * 2, lane / 4, lane % 4, operands[j].b);
  for (int i = 0; i < row_tiles; ++i) {
    auto& a = operands[0].a;
    for (unsigned lane = 0; lane < 32; ++lane) Kind::a(lane_of(lane).a + i * 4, lane / 4, lane % 4, a);
    for (int j = 0; j < column_tiles; ++j) {
      Row sums[16];
      const auto fragment = [&](unsigned lane) { return lane_of(lane).c + (i * column_tiles + j) * 4; };
      for (unsigned lane = 0; lane < 32; ++lane) {
        auto* rows = reinterpret_cast<char*>(sums);
        std::memcpy(rows + (lane / 4) * 32 + lane % 4 * 8, fragment(lane), 8);
        std::memcpy(rows + (lane / 4 + 8) * 32 + lane % 4 * 8, fragment(lane) + 2, 8);
      }
      for (int half = 0; half < 16; half += 8)
        for (int k = 0; k < Kind::k; ++k) {
          Row b;
          std::memcpy(&b, operands[j].b[k], 32);
          for (int r = 0; r < 8; ++r) sums[half + r] += a[half + r][k] * b;
        }
      for (unsigned lane = 0; lane < 32; ++lane) {
        const auto* rows = reinterpret_cast<const char*>(sums);
        std::memcpy(fragment(lane), rows + (lane / 4) * 32 + lane % 4 * 8, 8);
        std::memcpy(fragment(lane) + 2, rows + (lane / 4 + 8) * 32 + lane % 4 * 8, 8);
      }
    }
  }
}

template <class Kind>
void multiply(const char* name, MatrixMultiply payload, Location where) {
  warp_collective(all_lanes, name, &payload, multiply_all<Kind>, false, where);
}

}  // namespace

void load_matrix(std::uint32_t* registers, int matrices, bool transposed, const void* row, Location where) {
  MatrixLoad payload{registers, matrices, transposed, row};
  warp_collective(all_lanes, transposed ? "ldmatrix.trans" : "ldmatrix", &payload, load_all, false, where);
}

void mma_bf16(float* c, const std::uint32_t* a, const std::uint32_t* b, int row_tiles, int column_tiles,
              Location where) {
  multiply<Bf16>("mma.m16n8k16.bf16", {c, a, b, row_tiles, column_tiles}, where);
}

void mma_tf32(float* c, const std::uint32_t* a, const std::uint32_t* b, int row_tiles, int column_tiles,
              Location where) {
  multiply<Tf32>("mma.m16n8k8.tf32", {c, a, b, row_tiles, column_tiles}, where);
}

std::uint32_t to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::isfinite(x) ? (bits + 0x1000u) & 0xFFFFE000u : bits;
}

}  // namespace plait::simt
