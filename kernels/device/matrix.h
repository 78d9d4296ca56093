// Tensor-core matrix instructions of sm_80 and later: ldmatrix and mma.sync, one warp each. Source: PTX ISA, matrix
// fragments of mma.m16n8k16 (bf16) and mma.m16n8k8 (tf32).
//
// Fragments of lane l, g = l / 4, q = l % 4:
//   accumulator c[4]  (16x8): rows g, g, g+8, g+8; columns 2q, 2q+1, 2q, 2q+1
//   bf16 a[4] (16x16, two values a word): rows g, g+8, g, g+8; columns 2q.., 2q.., 2q+8.., 2q+8..
//   bf16 b[2] (16x8): rows 2q.. and 2q+8.. of column g
//   tf32 a[4] (16x8): (g, q), (g+8, q), (g, q+4), (g+8, q+4);  b[2] (8x8): (q, g), (q+4, g)
// The tile-sized functions issue the same instructions on the device; the executor computes a tile in one rendezvous.
#pragma once

#include <cstdint>

#include "kernels/device/async_copy.h"
#include "kernels/device/language.h"

namespace plait::device {

// Four 8x8 matrices of 16-bit values; lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned).
// Lane l receives in r[i] the values (l / 4, 2 (l % 4)) and the next one of matrix i.
__device__ __forceinline__ void load_matrix_x4(std::uint32_t (&r)[4], const void* row PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
#else
  simt::load_matrix(r, 4, false, row, location);
#endif
}

// The same with every matrix transposed: r[i] holds (2 (l % 4), l / 4) and the next row.
__device__ __forceinline__ void load_matrix_x4_transposed(std::uint32_t (&r)[4],
                                                          const void* row PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
#else
  simt::load_matrix(r, 4, true, row, location);
#endif
}

// c += a b for a register tile of MT x NT instructions, bf16 operands, fp32 accumulators.
template <int MT, int NT>
__device__ __forceinline__ void mma_bf16(float (&c)[MT][NT][4], const std::uint32_t (&a)[MT][4],
                                         const std::uint32_t (&b)[NT][2] PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  PLAIT_UNROLL
  for (int i = 0; i < MT; ++i) {
    PLAIT_UNROLL
    for (int j = 0; j < NT; ++j)
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
          "{%0, %1, %2, %3};\n"
          : "+f"(c[i][j][0]), "+f"(c[i][j][1]), "+f"(c[i][j][2]), "+f"(c[i][j][3])
          : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
  }
#else
  simt::mma_bf16(&c[0][0][0], &a[0][0], &b[0][0], MT, NT, location);
#endif
}

// The same for tf32 operands (fp32 words of which the instruction reads the upper 19 bits; round with to_tf32 first).
template <int MT, int NT>
__device__ __forceinline__ void mma_tf32(float (&c)[MT][NT][4], const std::uint32_t (&a)[MT][4],
                                         const std::uint32_t (&b)[NT][2] PLAIT_DEVICE_LOCATION) {
#ifdef __CUDACC__
  PLAIT_UNROLL
  for (int i = 0; i < MT; ++i) {
    PLAIT_UNROLL
    for (int j = 0; j < NT; ++j)
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
          "{%0, %1, %2, %3};\n"
          : "+f"(c[i][j][0]), "+f"(c[i][j][1]), "+f"(c[i][j][2]), "+f"(c[i][j][3])
          : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
  }
#else
  simt::mma_tf32(&c[0][0][0], &a[0][0], &b[0][0], MT, NT, location);
#endif
}

// fp32 to tf32: 10 bits of mantissa, nearest, ties away from zero. Infinities and NaN pass.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
#ifdef __CUDACC__
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(bits) : "f"(x));
  return bits;
#else
  return simt::to_tf32(x);
#endif
}

}  // namespace plait::device
