"""Masks as numpy arrays and COCO RLE: encoding, boxes, stability, suppression, clean-up, metrics.

Everything here is numpy, OpenCV and pycocotools; nothing knows about models or torch. A mask is a bool array (H, W)
in the image frame, a batch of masks is (N, H, W). Boxes are xyxy with inclusive pixel coordinates in code, xywh only
in files.
"""
