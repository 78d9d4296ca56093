#include "fusion/encoders/cnn.h"

#include "engine/error.h"
#include "engine/ops/max_pool.h"
#include "fusion/encoders/widths.h"

namespace plait {

CnnEncoder::CnnEncoder(ParameterStore& store, const InputShape& input, const EncoderConfig& config,
                       std::int64_t embed_dim, int modality) {
  const std::string name = "encoder." + input.name;
  std::int64_t height = input.height, width = input.width, channels = input.channels;
  for (const std::int64_t out : config.channels) {
    convolutions_.emplace_back(store, name + "." + std::to_string(convolutions_.size()), channels, out, 3,
                               Activation::relu);
    height /= 2, width /= 2, channels = out;
    if (height == 0 || width == 0)
      fail_usage("[" + name + "] channels: " + std::to_string(config.channels.size()) +
                 " pooling blocks leave nothing of an image of " + std::to_string(input.height) + " x " +
                 std::to_string(input.width) + "; list fewer channels");
  }
  dense_.emplace_back(store, name, dense_widths(height * width * channels, config.hidden, embed_dim), Activation::relu,
                      static_cast<int>(convolutions_.size()), config.dropout, dropout_site(modality));
}

Encoder::Output CnnEncoder::encode(Tape& tape, const ParameterStore& store, const StepContext& context,
                                   const Value& x) const {
  Value image = x, map;
  for (const Conv2d& convolution : convolutions_) {
    if (tape.differentiates_inputs() && &convolution == &convolutions_.back()) {
      map = convolution(tape, store, image);
      image = ops::max_pool(tape, map);
    } else {
      image = convolution.pooled(tape, store, image);
    }
  }
  return {.z = dense_[0](tape, store, context, image), .x_hat = {}, .map = map};
}

}  // namespace plait
