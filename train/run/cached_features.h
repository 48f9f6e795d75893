// What frozen towers give for the pictures of a batch, from the disk or made now: they learn nothing, so a
// picture's features are the same in every epoch and every run.
#pragma once

#include <memory>
#include <string>

#include "data/feature_cache.h"
#include "train/model/cobra_vlm.h"
#include "train/run/training_data.h"

namespace cobra::train {

/// The cache in `folder` for this model's towers, as they are now: their weights, the preprocessing and the
/// precision are part of an entry's name.
std::shared_ptr<data::FeatureCache> open_feature_cache(const std::string& folder, const CobraVlm& model);

/// Completes a batch that was loaded with a cache: `features` become those of all its pictures, and what was
/// not known is stored.
void complete_features(data::FeatureCache& cache, const CobraVlm& model, LoadedBatch& loaded);

}  // namespace cobra::train
