// Early fusion's input: y[b] = [x_1[b] ; ... ; x_M[b] ; bits], absent modalities zeros and the bit 0. A read and a
// write an element, absent rows are not read. Floor on an H100 for B = 256, 20,000 genes and 1,000 other columns in
// float: 14 us. masked_segments.h moves the columns; a segment behind a width that fills no 16 bytes goes element by
// element (still coalesced).
#include "kernels/masked_columns.h"

#include "kernels/cuda/masked_segments.h"

namespace plait::gpu {

template <class T>
void masked_columns(const MaskedColumnsParams& p, const std::array<const T*, max_modalities>& x,
                    const ModalityMask* present, T* y, cudaStream_t stream) {
  cuda::MaskedSegments<T> q{.batch = p.batch,
                            .modalities = p.modalities,
                            .present = present,
                            .rescale = false,
                            .segment = {},
                            .bits = nullptr,
                            .bits_stride = p.y_stride};
  T* to = y;
  for (std::size_t m = 0; m < static_cast<std::size_t>(p.modalities); ++m) {
    q.segment[m] = {
        .from = x[m], .to = to, .columns = p.columns[m], .from_stride = p.x_stride[m], .to_stride = p.y_stride};
    to += p.columns[m];
  }
  q.bits = to;
  cuda::copy_segments(q, stream);
}

template void masked_columns(const MaskedColumnsParams&, const std::array<const float*, max_modalities>&,
                             const ModalityMask*, float*, cudaStream_t);
template void masked_columns(const MaskedColumnsParams&, const std::array<const bf16*, max_modalities>&,
                             const ModalityMask*, bf16*, cudaStream_t);

}  // namespace plait::gpu
