#include "apps/map_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/error.h"
#include "io/formats/csv_writer.h"
#include "study/explain/game.h"
#include "study/explain/image_map.h"
#include "study/explain/map_picture.h"

namespace plait {
namespace {

bool has_image(const std::vector<std::size_t>& modalities, ModalityMask available) {
  return std::any_of(modalities.begin(), modalities.end(),
                     [&](std::size_t m) { return has_modality(available, static_cast<int>(m)); });
}

}  // namespace

std::vector<std::size_t> mapped_patients(const RunCohort& opened, const PatientExplanations& all, std::int64_t count,
                                         const std::vector<std::string>& ids) {
  if (count == 0 && ids.empty()) return {};
  const std::vector<std::size_t> modalities = map_modalities(*opened.trained.model);
  if (modalities.empty()) fail_usage("--maps, --map-patients: the model of this run reads no image");
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < all.count() && std::ssize(places) < count; ++i)
    if (has_image(modalities, all.available[i])) places.push_back(i);
  for (std::size_t k = 0; k < ids.size(); ++k) {
    std::size_t i = 0;
    while (i < all.count() && opened.cohort->ids[static_cast<std::size_t>(all.patients[i])] != ids[k]) ++i;
    if (i == all.count())
      fail_usage(fmt::format("--map-patients: id {} of the list is nobody who is explained; is he in another --split?",
                             k + 1));
    if (!has_image(modalities, all.available[i]))
      fail_usage(fmt::format("--map-patients: patient {} of the list has no image", k + 1));
    if (std::find(places.begin(), places.end(), i) == places.end()) places.push_back(i);
  }
  return places;
}

void write_maps(const std::filesystem::path& folder, const RunCohort& opened, const PatientExplanations& all,
                const std::vector<std::size_t>& places) {
  if (places.empty()) return;
  opened.trained.model->parameters().move_to(Device{});
  const MultimodalModel& model = *opened.trained.model;
  const Dataset& dataset = *opened.dataset;
  const std::vector<std::string> outputs = output_names(opened.trained.fit.target);
  std::filesystem::create_directory(folder / "maps");
  CsvWriter csv(folder / "maps.csv");
  csv.text("patient_id").text("modality").text("file").text("output").text("grad_cam_largest");
  csv.text("occlusion_lowest").text("occlusion_largest").end_row();
  for (const std::size_t i : places)
    for (const std::size_t m : map_modalities(model)) {
      if (!has_modality(all.available[i], static_cast<int>(m))) continue;
      const std::int64_t patient = all.patients[i];
      const ImageMap cam = grad_cam(model, dataset, patient, m, all.explained[i]);
      const ImageMap occlusion = occlusion_map(model, dataset, patient, m, all.explained[i]);
      const std::string file = fmt::format("maps/{:06}-{}.png", patient + 1, opened.modalities[m]);
      write_png(folder / file,
                map_picture(stretched_image(dataset, patient, m), model.config().inputs[m].channels, cam, occlusion));
      csv.text(opened.cohort->ids[static_cast<std::size_t>(patient)]).text(opened.modalities[m]).text(file);
      csv.text(outputs[all.explained[i]]);
      if (cam.empty())
        csv.missing();
      else
        csv.number(*std::max_element(cam.values.begin(), cam.values.end()));
      const auto [lowest, largest] = std::minmax_element(occlusion.values.begin(), occlusion.values.end());
      csv.number(*lowest).number(*largest).end_row();
    }
  csv.close();
}

}  // namespace plait
