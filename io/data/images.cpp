#include "io/data/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>
#include <system_error>
#include <utility>

#include "io/data/cohort_path.h"
#include "io/data/resize.h"
#include "io/formats/cell.h"
#include "io/formats/png.h"
#include "io/memory_room.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

// The file of each patient, by patient; empty = none.
std::vector<fs::path> list_images(const ModalityEntry& entry, const fs::path& folder, const PatientIndex& patients,
                                  std::vector<std::string>& unmatched, ProblemLog& log) {
  std::vector<fs::path> files(patients.size());
  std::error_code error;
  fs::directory_iterator listing(entry.path, error);
  if (error) fail_data({entry.path.string()}, "the folder of images cannot be read");
  const std::string &prefix = entry.prefix, &suffix = entry.suffix;
  for (; listing != fs::directory_iterator(); listing.increment(error)) {
    const fs::directory_entry& item = *listing;
    const std::string name = item.path().filename().string();
    if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    std::error_code broken;
    if (item.is_symlink(broken) && !is_inside(folder, item.path())) {
      log.add({item.path().string()}, "a symbolic link that leads out of the cohort folder, or nowhere");
      continue;
    }
    if (!item.is_regular_file(broken)) continue;
    const std::string_view id =
        std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (const auto patient = patients.find(id); patient != patients.end()) {
      files[static_cast<std::size_t>(patient->second)] = item.path();
    } else {
      unmatched.emplace_back(id);
    }
  }
  if (error) fail_data({entry.path.string()}, "the folder of images cannot be read to its end");
  std::sort(unmatched.begin(), unmatched.end());  // a folder has no order
  return files;
}

class ImageReader {
 public:
  // A log that collects is told of images of several sizes in one note; otherwise they are a problem.
  ImageReader(const CohortOptions& options, std::size_t modality, ModalityData& data, ProblemLog& log)
      : wanted_{options.image_size[0], options.image_size[1]},
        sink_(options.sink),
        modality_(modality),
        data_(data),
        log_(log) {}

  void read(const std::vector<fs::path>& files) {
    data_.row_of_patient.assign(files.size(), -1);
    const auto count = std::count_if(files.begin(), files.end(), [](const fs::path& path) { return !path.empty(); });
    for (std::size_t patient = 0; patient < files.size(); ++patient) {
      if (files[patient].empty()) continue;
      try {
        add(read_png(files[patient]), files[patient], static_cast<std::size_t>(count));
        data_.row_of_patient[patient] = data_.rows++;
      } catch (const Error& error) {
        log_.add(error);
      }
    }
    const auto kept = seen_.size() > 1 || sink_ != nullptr ? 0 : static_cast<std::size_t>(data_.rows);
    data_.bytes.resize(data_.bits == 8 ? kept * samples() : 0);
    data_.words.resize(data_.bits == 16 ? kept * samples() : 0);
    if (seen_.size() > 1 && log_.collects()) note_image_sizes(seen_, data_, log_);
    data_.sizes_differ = seen_.size() > 1;
  }

 private:
  std::size_t samples() const { return static_cast<std::size_t>(data_.height * data_.width * data_.channels); }

  void add(const PngImage& image, const fs::path& path, std::size_t count) {
    const ImageSize size{image.height, image.width};
    if (first_.empty()) {
      first_ = path.filename().string();
      data_.channels = image.channels;
      data_.bits = image.bits;
      const ImageSize kept = wanted_.height > 0 ? wanted_ : size;
      data_.height = kept.height;
      data_.width = kept.width;
    }
    if (image.channels != data_.channels || image.bits != data_.bits) {
      fail_data({path.string()},
                fmt::format("the image has {} channel(s) of {} bits, the first one, {}, {} of {}: make them equal",
                            image.channels, image.bits, first_, data_.channels, data_.bits));
    }
    if (wanted_.height == 0 && (log_.collects() || sink_ != nullptr)) ++seen_[{size.height, size.width}];
    if (sink_ != nullptr) return sink_->image(modality_, image);
    if (wanted_.height == 0 && size != ImageSize{data_.height, data_.width}) {
      if (log_.collects()) return;
      fail_image_size(path, size, first_, {data_.height, data_.width});
    }
    if (seen_.size() > 1) return;  // nothing is kept
    // For all of them only when a second one fits: the first one alone may promise what the others do not keep.
    reserve(data_.rows == 0 ? 1 : count);
    const std::size_t begin = static_cast<std::size_t>(data_.rows) * samples();
    if (data_.bits == 8) {
      copy(image.bytes.data(), size, data_.bytes.data() + begin);
    } else {
      words_.resize(image.bytes.size() / 2);
      std::memcpy(words_.data(), image.bytes.data(), image.bytes.size());
      copy(words_.data(), size, data_.words.data() + begin);
    }
  }

  void reserve(std::size_t count) {
    if (std::max(data_.bytes.size(), data_.words.size()) == count * samples()) return;
    const std::string what = fmt::format("{} images of {} x {} x {}", count, data_.height, data_.width, data_.channels);
    const char* advice = "set a smaller image_size under [preprocess]";
    check_room(count, samples() * static_cast<std::size_t>(data_.bits / 8), what, advice);
    try {
      if (data_.bits == 8) data_.bytes.resize(count * samples());
      if (data_.bits == 16) data_.words.resize(count * samples());
    } catch (const std::bad_alloc&) {
      fail_device("no memory for " + what + "; " + advice);
    }
  }

  template <class Sample>
  void copy(const Sample* source, ImageSize size, Sample* target) const {
    const ImageSize kept{data_.height, data_.width};
    if (size == kept) {
      std::copy_n(source, samples(), target);
    } else {
      resize_bilinear(source, size, data_.channels, target, kept);
    }
  }

  ImageSize wanted_;
  RowSink* sink_;
  std::size_t modality_;
  ModalityData& data_;
  ProblemLog& log_;
  std::string first_;
  SizeCounts seen_;                   // where problems are collected, or with a sink
  std::vector<std::uint16_t> words_;  // of one file
};

// Who has an image, without opening one.
void list_only(const std::vector<fs::path>& files, ModalityData& data) {
  data.row_of_patient.assign(files.size(), -1);
  for (std::size_t patient = 0; patient < files.size(); ++patient) {
    if (!files[patient].empty()) data.row_of_patient[patient] = data.rows++;
  }
}

}  // namespace

std::vector<std::string> image_ids(const ModalityEntry& entry, const fs::path& folder, ProblemLog& log) {
  std::vector<std::string> ids;
  list_images(entry, folder, {}, ids, log);  // nobody is known, so all are strangers
  const auto unreadable = std::remove_if(ids.begin(), ids.end(), [](const std::string& id) { return !is_utf8(id); });
  if (unreadable != ids.end()) log.add({entry.path.string()}, "an image's file name is not UTF-8");
  ids.erase(unreadable, ids.end());
  return ids;
}

void note_image_sizes(const SizeCounts& sizes, ModalityData& data, ProblemLog& log) {
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto& [size, images] = *std::max_element(sizes.begin(), sizes.end(), fewer);
  data.height = size.first;
  data.width = size.second;
  log.note(
      fmt::format("{}: {} of {} images are {} x {} (height x width), the others have {} other {}: to train on them "
                  "set image_size under [preprocess], as in --set preprocess.image_size=[{},{}]",
                  data.file, images, data.rows, size.first, size.second, sizes.size() - 1,
                  sizes.size() == 2 ? "size" : "sizes", size.first, size.second));
}

void fail_image_size(const fs::path& path, ImageSize size, const std::string& first, ImageSize first_size) {
  fail_data({path.string()},
            fmt::format("the image is {} x {} (height x width), the first one, {}, {} x {}: make them equal, or "
                        "set image_size under [preprocess]",
                        size.height, size.width, first, first_size.height, first_size.width));
}

void read_images(const ModalityEntry& entry, const fs::path& folder, const PatientIndex& patients,
                 const CohortOptions& options, std::size_t modality, ModalityData& data,
                 std::vector<std::string>& unmatched, ProblemLog& log) {
  const std::vector<fs::path> files = list_images(entry, folder, patients, unmatched, log);
  if (std::find(options.unread.begin(), options.unread.end(), entry.name) != options.unread.end()) {
    list_only(files, data);
  } else {
    ImageReader(options, modality, data, log).read(files);
  }
}

}  // namespace plait
